//! Project keys are those of the agent, for long, linked and missing directories too.

use proptest::prelude::*;

use super::*;

#[test]
fn hashes_are_those_of_the_agent() {
    for (text, expected) in [
        ("", "0"),
        ("a", "2p"),
        (&format!("/{}", "a".repeat(250)), "feo44x"),
        ("/home/u/日本語", "m1v0ho"),
        ("😀", "11zz7"),
    ] {
        assert_eq!(hash(text), expected, "{text}");
    }
    assert_eq!(base36(2_147_483_648), "zik0zk", "the magnitude of the smallest number");
}

#[test]
fn directories_become_the_keys_of_the_agent() {
    for (path, key) in [
        ("/home/u/repo", "-home-u-repo"),
        ("/home/u/my_repo.v2", "-home-u-my-repo-v2"),
        ("/", "-"),
        ("/w/x😀y", "-w-x--y"),
        ("/w/re\u{301}ne", "-w-re-ne"),
        ("/w/réne", "-w-r-ne"),
        (r"C:\w\x", "C--w-x"),
        ("/A/b-C", "-A-b-C"),
    ] {
        assert_eq!(sanitise(path), key, "{path}");
    }
}

#[test]
fn a_long_directory_is_cut_after_200_units_and_hashed_whole() {
    let path = format!("/{}", "a".repeat(250));
    assert_eq!(sanitise(&path), format!("-{}-feo44x", "a".repeat(199)));
    assert_eq!(sanitise(&path).len(), 207);
    let short = format!("/{}", "a".repeat(199));
    assert_eq!(sanitise(&short), format!("-{}", "a".repeat(199)));
    // 200 characters, 201 units.
    let astral = format!("/{}😀", "a".repeat(198));
    assert_eq!(sanitise(&astral), format!("-{}--{}", "a".repeat(198), hash(&astral)));
}

#[cfg(unix)]
#[test]
fn links_are_resolved_and_so_is_what_exists() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    fs::create_dir(root.join("real")).unwrap();
    std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
    let real = project_key(&root.join("real"));
    assert_eq!(project_key(&root.join("link")), real);
    assert_eq!(project_key(&root.join("link/../real/.")), real);
    assert_eq!(project_key(&root.join("link/gone/./x")), format!("{real}-gone-x"));
    assert_eq!(project_key(&root.join("gone/../link")), real);
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn an_existing_directory_keeps_its_normal_form() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap().join("re\u{301}ne");
    fs::create_dir(&dir).unwrap();
    assert!(project_key(&dir).ends_with("-re-ne"));
}

#[test]
fn no_directory_is_the_current_one() {
    assert_eq!(project_key(Path::new("")), project_key(Path::new(".")));
    assert_eq!(
        project_key(Path::new("")),
        project_key(&std::env::current_dir().unwrap())
    );
}

#[test]
fn a_name_counts_only_with_a_configuration_directory_and_good_letters() {
    let dir = Path::new("/no-such-place");
    let by_dir = project_key(dir);
    let longest = "x".repeat(64);
    for name in ["tenant-a", "A_1", "com", "com10", "lpt", "console", longest.as_str()] {
        assert_eq!(project_key_named(dir, true, Some(name)), name);
        assert_eq!(project_key_named(dir, false, Some(name)), by_dir);
    }
    let too_long = "x".repeat(65);
    for name in [
        "",
        "a b",
        "a/b",
        "..",
        "é",
        "con",
        "PRN",
        "Aux",
        "nul",
        "com0",
        "LPT9",
        too_long.as_str(),
    ] {
        assert_eq!(project_key_named(dir, true, Some(name)), by_dir, "{name}");
    }
    assert_eq!(project_key_named(dir, true, None), by_dir);
}

#[test]
fn windows_paths_lose_their_verbatim_prefix() {
    assert_eq!(without_verbatim_prefix(r"\\?\C:\w"), r"C:\w");
    assert_eq!(without_verbatim_prefix(r"\\?\UNC\server\share"), r"\\server\share");
    assert_eq!(without_verbatim_prefix("/w"), "/w");
}

proptest! {
    #[test]
    fn a_key_is_a_safe_and_short_name(path in ".{0,300}") {
        let key = sanitise(&path);
        prop_assert!(key.len() <= MAX_UNITS + 8);
        prop_assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        if path.encode_utf16().count() <= MAX_UNITS {
            prop_assert_eq!(key.len(), path.encode_utf16().count());
        }
    }

    #[test]
    fn base36_reads_back(number: u32) {
        prop_assert_eq!(u32::from_str_radix(&base36(number), 36).unwrap(), number);
    }
}
