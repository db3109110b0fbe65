//! Project keys, keys of paths, and which subpaths are safe.

use std::path::Path;

use mirrorbox::agent_format::{PathError, UnsafeReason, project_key};
use mirrorbox::key::SessionKey;
use mirrorbox_transcripts::hostile;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::sdk::{Oracle, check};

/// Names that both sides sanitise alike: neither beyond the basic plane nor decomposed.
fn directories() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[a-zA-Z0-9_. -]{1,12}",
        1 => select(&[".", "..", "é", "日本語", "\u{2028}", "a\tb", "it's", "ﬁ"][..]).prop_map(str::to_owned),
        1 => "[a-z_]{60,180}",
    ];
    prop::collection::vec(name, 0..6).prop_map(|names| format!("/nowhere/{}", names.join("/")))
}

#[test]
fn project_keys_are_the_sdks() {
    check(directories(), |oracle, dir| {
        let expected = oracle.ask("project_key", json!([dir]));
        prop_assert_eq!(json!(project_key(Path::new(&dir))), expected);
        Ok(())
    });
}

#[cfg(unix)]
#[test]
fn links_are_resolved_as_the_sdk_does() {
    let Some(oracle) = Oracle::start() else { return };
    let temp = tempfile::tempdir().unwrap();
    std::fs::create_dir(temp.path().join("real")).unwrap();
    std::os::unix::fs::symlink(temp.path().join("real"), temp.path().join("link")).unwrap();
    for path in [
        "real",
        "link",
        "link/../link/.",
        "link/gone/../x",
        "gone/../link",
        "real/",
    ] {
        let dir = temp.path().join(path);
        let expected = oracle.borrow_mut().ask("project_key", json!([dir]));
        assert_eq!(json!(project_key(&dir)), expected, "{path}");
    }
}

/// Where the SDK and the agent differ, the agent names the folders.
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn project_keys_are_the_agents_where_the_sdk_differs() {
    let Some(oracle) = Oracle::start() else { return };
    for (dir, agent, sdk) in [
        ("/nowhere/x😀y", "-nowhere-x--y", "-nowhere-x-y"),
        ("/nowhere/re\u{301}ne", "-nowhere-re-ne", "-nowhere-r-ne"),
    ] {
        assert_eq!(project_key(Path::new(dir)), agent, "{dir}");
        assert_eq!(
            oracle.borrow_mut().ask("project_key", json!([dir])),
            json!(sdk),
            "the SDK was mended: {dir}"
        );
    }
}

fn paths() -> impl Strategy<Value = (String, &'static str)> {
    const NAMES: &[&str] = &[
        "k",
        "s",
        "s.jsonl",
        "subagents",
        "workflows",
        "agent-1",
        "agent-1.jsonl",
        "agent-1.meta.json",
        ".",
        "..",
        "",
        ".jsonl",
        "..jsonl",
        "...jsonl",
        "..k",
        "a b",
        "a\\b",
        "é😀.jsonl",
        "projects",
        "c",
        "x.jsonl.jsonl",
    ];
    let start = select(
        &[
            "/c/projects/",
            "/c/projects//",
            "/c/",
            "/c/projects2/",
            "/",
            "/c/projects/../projects/",
        ][..],
    );
    let names = prop::collection::vec(select(NAMES), 0..7);
    let projects_dir = select(&["/c/projects", "/c/projects/", "/c/./x/../projects"][..]);
    (start, names, projects_dir).prop_map(|(start, names, dir)| (format!("{start}{}", names.join("/")), dir))
}

#[test]
fn paths_have_the_keys_of_the_sdk() {
    check(paths(), |oracle, (path, projects_dir)| {
        let expected = oracle.ask("path_key", json!([path, projects_dir]));
        match SessionKey::from_path(Path::new(&path), Path::new(projects_dir)) {
            Ok(key) => {
                let mut found = json!({"project_key": key.project_key(), "session_id": key.session_id()});
                if let Some(subpath) = key.subpath() {
                    found["subpath"] = subpath.into();
                }
                prop_assert_eq!(found, expected);
            }
            // Keys that the SDK gives, though they lead nowhere or to another file.
            Err(PathError::EmptySession | PathError::Name(_)) => prop_assert!(expected.is_object()),
            Err(error) => prop_assert!(expected.is_null(), "{error}, but {expected}"),
        }
        Ok(())
    });
}

#[test]
fn subpaths_are_as_safe_as_the_sdk_finds_them() {
    let ordinary = "[a-z.:/]{1,12}";
    check(prop_oneof![hostile::key_part(), ordinary], |oracle, subpath| {
        let safe = oracle.ask("is_safe_subpath", json!([subpath])) == json!(true);
        let key = SessionKey::main("project", "session")
            .unwrap()
            .with_subpath(subpath)
            .unwrap();
        match key.file().map_err(|error| error.reason) {
            Ok(_) => prop_assert!(safe),
            // More than the SDK asks for: two keys would share a file, or the file could not be made.
            Err(UnsafeReason::EmptyName | UnsafeReason::TooLong { .. }) => {}
            Err(reason) => prop_assert!(!safe, "{reason}"),
        }
        Ok(())
    });
}
