//! What a scan of the adapter directory finds under each name, and what it refuses.

use std::fs::File;

use super::*;

fn directory(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in files {
        fs::write(dir.path().join(name), "").unwrap();
    }
    dir
}

/// Why a name is not looked into; none where it may be.
fn refusal(dir: &tempfile::TempDir, name: &str) -> Option<Rejected> {
    match scan(dir.path()).unwrap()[name].component() {
        Ok(_) => None,
        Err(ConfigError::Refused { refusal, .. }) => Some(refusal),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn names_are_told_apart_and_the_rest_is_looked_past() {
    let dir = directory(&[
        "a.wasm",
        "a.toml",
        "b.wasm",
        ".c.wasm",
        ".a.wasm.new",
        "README.md",
        "d.wasm.part",
    ]);
    let found = scan(dir.path()).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(found["a"].component().unwrap(), dir.path().join("a.wasm"));
    assert_eq!(found["a"].manifest().unwrap().1.as_deref(), Some(""));
    assert_eq!(found["b"].manifest().unwrap().1, None);
    assert!(scan(&dir.path().join("absent")).unwrap().is_empty());
}

#[test]
fn what_changes_is_seen() {
    let dir = directory(&["a.wasm", "a.toml"]);
    let look = || scan(dir.path()).unwrap().remove("a").unwrap();
    let first = look();
    assert_eq!(first, look());
    fs::write(dir.path().join("a.toml"), "instances = 2").unwrap();
    let second = look();
    assert_ne!(first, second);
    // The same bytes under another inode.
    fs::copy(dir.path().join("a.wasm"), dir.path().join(".new")).unwrap();
    fs::rename(dir.path().join(".new"), dir.path().join("a.wasm")).unwrap();
    assert_ne!(second, look());
}

#[test]
fn what_is_no_file_or_too_large_is_refused_without_being_opened() {
    let dir = directory(&["orphan.toml", "large.toml", "large.wasm"]);
    fs::create_dir(dir.path().join("folder.wasm")).unwrap();
    File::create(dir.path().join("zeros.wasm"))
        .unwrap()
        .set_len(2 << 30)
        .unwrap();
    let large = File::options().write(true).open(dir.path().join("large.toml")).unwrap();
    large.set_len(MAX_MANIFEST + 1).unwrap();
    assert_eq!(refusal(&dir, "orphan"), Some(Rejected::Orphan));
    assert_eq!(refusal(&dir, "folder"), Some(Rejected::NotAFile));
    assert_eq!(refusal(&dir, "zeros"), Some(Rejected::Large(MAX_COMPONENT)));
    assert_eq!(refusal(&dir, "large"), Some(Rejected::Large(MAX_MANIFEST)));
}

#[test]
fn one_bad_manifest_leaves_the_others() {
    let dir = directory(&["good.wasm", "bad.wasm"]);
    fs::write(dir.path().join("bad.toml"), "[confg]").unwrap();
    let found = scan(dir.path()).unwrap();
    let error = found["bad"].manifest().unwrap_err().to_string();
    assert!(error.contains("line 1"), "{error}");
    found["good"].manifest().unwrap();
}

#[test]
fn a_name_that_no_destination_can_have_is_refused() {
    let dir = directory(&["a\\b.wasm"]);
    assert_eq!(refusal(&dir, "a\\b"), Some(Rejected::Name));
    assert!(is_destination_name("fs") && !is_destination_name("") && !is_destination_name(&"x".repeat(201)));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn links_are_followed_within_the_directory_only() {
        let outside = directory(&["real.wasm"]);
        let dir = directory(&[]);
        fs::create_dir(dir.path().join("versions")).unwrap();
        fs::write(dir.path().join("versions/one"), "").unwrap();
        symlink("versions/one", dir.path().join("within.wasm")).unwrap();
        symlink(outside.path().join("real.wasm"), dir.path().join("out.wasm")).unwrap();
        symlink("nowhere", dir.path().join("dangling.wasm")).unwrap();
        symlink("/dev/zero", dir.path().join("device.wasm")).unwrap();
        assert_eq!(refusal(&dir, "within"), None);
        assert_eq!(refusal(&dir, "out"), Some(Rejected::Outside));
        assert_eq!(refusal(&dir, "dangling"), Some(Rejected::Dangling));
        assert_eq!(refusal(&dir, "device"), Some(Rejected::Outside));
        set_mode(&dir.path().join("versions"), 0o777);
        assert_eq!(refusal(&dir, "within"), Some(Rejected::WorldWritable));
    }

    #[test]
    fn what_everybody_can_write_to_is_refused() {
        let dir = directory(&["a.wasm", "b.wasm", "b.toml"]);
        set_mode(&dir.path().join("b.toml"), 0o666);
        assert_eq!(refusal(&dir, "a"), None);
        assert_eq!(refusal(&dir, "b"), Some(Rejected::WorldWritable));
        set_mode(dir.path(), 0o777);
        assert_eq!(refusal(&dir, "a"), Some(Rejected::WorldWritable));
        set_mode(dir.path(), 0o755);
        assert_eq!(refusal(&dir, "a"), None);
    }
}
