use proptest::prelude::*;

use super::*;

const PROJECTS: &str = "/c/projects";

fn key(relative: &str) -> Result<SessionKey, PathError> {
    SessionKey::from_path(&Path::new(PROJECTS).join(relative), Path::new(PROJECTS))
}

fn parts(key: &SessionKey) -> (&str, &str, Option<&str>) {
    (key.project_key(), key.session_id(), key.subpath())
}

#[test]
fn files_of_transcripts_have_keys() {
    for (path, expected) in [
        ("k/s.jsonl", ("k", "s", None)),
        ("k/s/subagents/agent-1.jsonl", ("k", "s", Some("subagents/agent-1"))),
        (
            "k/s/subagents/workflows/run-1/agent-2.jsonl",
            ("k", "s", Some("subagents/workflows/run-1/agent-2")),
        ),
        (
            "k/s/subagents/workflows/run-1/journal.jsonl",
            ("k", "s", Some("subagents/workflows/run-1/journal")),
        ),
        (
            "k/s/subagents/agent-1.meta.json",
            ("k", "s", Some("subagents/agent-1.meta.json")),
        ),
        ("..k/s.jsonl", ("..k", "s", None)),
        ("k/s/../t.jsonl", ("k", "t", None)),
        ("k//./s.jsonl", ("k", "s", None)),
        ("k/s.jsonl.jsonl", ("k", "s.jsonl", None)),
        ("k/s/a.jsonl/b.jsonl", ("k", "s", Some("a.jsonl/b"))),
        ("../projects/k/s.jsonl", ("k", "s", None)),
        ("../../../../c/projects/k/s.jsonl", ("k", "s", None)),
        ("k/é 😀.jsonl", ("k", "é 😀", None)),
    ] {
        assert_eq!(parts(&key(path).unwrap()), expected, "{path}");
    }
}

#[test]
fn a_trailing_slash_on_the_projects_directory_changes_nothing() {
    let found = SessionKey::from_path(Path::new("/c/projects/k/s.jsonl"), Path::new("/c/x/../projects/")).unwrap();
    assert_eq!(parts(&found), ("k", "s", None));
}

#[test]
fn relative_paths_start_in_the_current_directory() {
    let found = SessionKey::from_path(Path::new("projects/k/s.jsonl"), Path::new("projects")).unwrap();
    assert_eq!(parts(&found), ("k", "s", None));
    let absolute = std::env::current_dir().unwrap().join("projects");
    let found = SessionKey::from_path(Path::new("projects/k/s.jsonl"), &absolute).unwrap();
    assert_eq!(parts(&found), ("k", "s", None));
}

#[test]
fn each_refusal_has_its_reason() {
    let refused = |path: &str| key(path).unwrap_err();
    assert!(matches!(refused("k/s/x.jsonl"), PathError::NotInSubfolder));
    assert!(matches!(refused("k.jsonl"), PathError::NotInProject));
    assert!(matches!(refused("."), PathError::NotInProject));
    assert!(matches!(refused("../x/s.jsonl"), PathError::Outside));
    assert!(matches!(refused("/elsewhere/k/s.jsonl"), PathError::Outside));
    assert!(matches!(refused("/c/projects2/k/s.jsonl"), PathError::Outside));
    assert!(matches!(refused("k/s.json"), PathError::NotJsonl));
    assert!(matches!(refused("k/.jsonl"), PathError::EmptySession));
    assert!(matches!(refused("k/..jsonl"), PathError::Name(name) if name == "."));
    assert!(matches!(refused("k/...jsonl"), PathError::Name(name) if name == ".."));
    assert!(matches!(refused("k/s/subagents/.jsonl"), PathError::Name(name) if name.is_empty()));
    assert!(matches!(refused("k/s/subagents/..jsonl"), PathError::Name(name) if name == "."));
    assert!(matches!(refused("k/s/subagents/...jsonl"), PathError::Name(name) if name == ".."));
    assert!(matches!(refused("k/s\0.jsonl"), PathError::Key(KeyError::Nul(_))));
    let long = "x".repeat(crate::key::MAX_PART + 1);
    assert!(matches!(
        refused(&format!("k/{long}.jsonl")),
        PathError::Key(KeyError::TooLong { .. })
    ));
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_unicode_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/c/projects/k/\xff.jsonl"));
    let error = SessionKey::from_path(path, Path::new(PROJECTS)).unwrap_err();
    assert!(matches!(error, PathError::NotUnicode), "{error}");
}

proptest! {
    #[test]
    fn a_key_that_a_path_gives_leads_back_to_the_path(
        names in prop::collection::vec(r"[^/\\:\x00]{1,12}|\.{1,4}|subagents|\.jsonl", 1..7),
    ) {
        let path = format!("{}.jsonl", names.join("/"));
        if let Ok(key) = key(&path) {
            let file = key.file().unwrap();
            let (file, path) = (Path::new(PROJECTS).join(file), Path::new(PROJECTS).join(path));
            prop_assert_eq!(folded(&file), folded(&path));
        }
    }
}
