//! Keys as file paths, and the keys that must not become paths.

use std::path::{Component, Path};

use mirrorbox_transcripts::hostile;
use proptest::prelude::*;

use super::*;

fn main(project: &str, session: &str) -> SessionKey {
    SessionKey::main(project, session).unwrap()
}

fn sub(subpath: &str) -> SessionKey {
    main("p", "s").with_subpath(subpath).unwrap()
}

fn unsafe_key(part: Part, reason: UnsafeReason) -> Result<PathBuf, UnsafeKey> {
    Err(UnsafeKey { part, reason })
}

fn dots(name: &str) -> UnsafeReason {
    UnsafeReason::Dots(name.to_owned())
}

#[test]
fn good_keys_have_files() {
    let path = |path: &str| Ok(PathBuf::from(path));
    assert_eq!(main("-srv-app", "s").file(), path("-srv-app/s.jsonl"));
    assert_eq!(sub("subagents/agent-1").file(), path("p/s/subagents/agent-1.jsonl"));
    assert_eq!(
        sub("subagents/agent-1").sidecar_file(),
        path("p/s/subagents/agent-1.meta.json")
    );
    assert_eq!(sub("x").file(), path("p/s/x.jsonl"));
    assert_eq!(sub("..x/.y/z..").file(), path("p/s/..x/.y/z...jsonl"));
    assert_eq!(main("a b:c", "é😀").file(), path("a b:c/é😀.jsonl"));
    assert_eq!(sub("a/C:x").file(), path("p/s/a/C:x.jsonl"));
}

#[test]
fn project_and_session_are_one_name_each() {
    for (text, reason) in [
        ("a/b", UnsafeReason::Separator),
        ("a\\b", UnsafeReason::Separator),
        ("a/", UnsafeReason::Separator),
        ("/a", UnsafeReason::Absolute),
        ("\\a", UnsafeReason::Absolute),
        ("\\\\server\\share", UnsafeReason::Absolute),
        (".", dots(".")),
        ("..", dots("..")),
        ("../a", UnsafeReason::Separator),
        ("C:", UnsafeReason::Drive),
        ("c:x", UnsafeReason::Drive),
        ("é:x", UnsafeReason::Drive),
    ] {
        assert_eq!(
            main(text, "s").file(),
            unsafe_key(Part::Project, reason.clone()),
            "{text}"
        );
        assert_eq!(main("p", text).file(), unsafe_key(Part::Session, reason), "{text}");
    }
}

#[test]
fn subpaths_are_guarded() {
    for (text, reason) in [
        ("/a", UnsafeReason::Absolute),
        ("\\a", UnsafeReason::Absolute),
        ("//server/share", UnsafeReason::Absolute),
        ("C:x", UnsafeReason::Drive),
        ("C:/x", UnsafeReason::Drive),
        (".", dots(".")),
        ("..", dots("..")),
        ("../x", dots("..")),
        ("a/../../x", dots("..")),
        ("a/./b", dots(".")),
        ("a/..", dots("..")),
        ("a//b", UnsafeReason::EmptyName),
        ("subagents/", UnsafeReason::EmptyName),
    ] {
        assert_eq!(sub(text).file(), unsafe_key(Part::Subpath, reason), "{text}");
    }
    for text in ["..\\x", "a\\..\\x", "a\\.", "a\\\\..\\b"] {
        sub(text).file().unwrap_err();
    }
}

#[cfg(not(windows))]
#[test]
fn a_backslash_within_a_name_is_a_letter_here() {
    assert_eq!(sub("a\\b").file(), Ok(PathBuf::from("p/s/a\\b.jsonl")));
}

#[test]
fn each_name_takes_at_most_255_bytes_with_its_suffix() {
    let name = |len| "x".repeat(len);
    let too_long = |part, len| unsafe_key(part, UnsafeReason::TooLong { len });
    main(&name(255), &name(249)).file().unwrap();
    assert_eq!(main(&name(256), "s").file(), too_long(Part::Project, 256));
    assert_eq!(main("p", &name(250)).file(), too_long(Part::Session, 256));
    let key = main("p", &name(255))
        .with_subpath(format!("{}/{}", name(255), name(249)))
        .unwrap();
    key.file().unwrap();
    assert_eq!(key.sidecar_file(), too_long(Part::Subpath, 259));
    assert_eq!(sub(&format!("a/{}", name(250))).file(), too_long(Part::Subpath, 256));
    assert_eq!(sub(&format!("{}/a", name(256))).file(), too_long(Part::Subpath, 256));
    assert_eq!(sub(&name(4096)).file(), too_long(Part::Subpath, 4102));
}

#[test]
fn the_error_names_the_part() {
    let error = sub("../x").file().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the subpath cannot be a file name: a name in it is \"..\""
    );
}

/// Parts of keys: mostly harmless, or next to no key would have a file.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => hostile::key_part(),
        1 => r"([/\\.:a-z]{1,3}|[^\x00]{1,3}){1,6}",
        3 => "[a-z.:é ]{1,8}(/[a-z.:é ]{1,8}){0,2}",
    ]
}

proptest! {
    #[test]
    fn a_file_lies_where_its_key_says(project in part(), session in part(), subpath in prop::option::of(part())) {
        let key = main(&project, &session);
        let key = subpath.iter().fold(key, |key, subpath| key.with_subpath(subpath).unwrap());
        if let Ok(file) = key.file() {
            let names: Vec<_> = file.components().collect();
            prop_assert!(names.iter().all(|name| matches!(name, Component::Normal(_))), "{file:?}");
            prop_assert_eq!(names[0].as_os_str(), project.as_str());
            let folder = Path::new(&project).join(&session);
            prop_assert_eq!(file.starts_with(folder), subpath.is_some());
            // No two keys share a file: the key can be read off it.
            let text = file.to_str().unwrap().strip_suffix(".jsonl").unwrap();
            prop_assert_eq!(text, key.to_string());
        }
    }
}
