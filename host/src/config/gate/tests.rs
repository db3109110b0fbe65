//! Files and directories that other users can change are refused, named by their path.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::config::Config;

/// Files and folders as they are given, the modes of which the system has no say in.
fn tree(paths: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        let whole = dir.path().join(path);
        match path.strip_suffix('/') {
            Some(_) => fs::create_dir_all(&whole).unwrap(),
            None => {
                fs::create_dir_all(whole.parent().unwrap()).unwrap();
                fs::write(&whole, "").unwrap();
            }
        }
    }
    dir
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What is wrong with a file, and where.
fn fault(dir: &tempfile::TempDir, file: &str) -> Option<(String, Rejected)> {
    let FileFault { path, refusal } = FileGate::of(dir.path()).file(&dir.path().join(file), 1 << 20).err()?;
    let path = path.strip_prefix(dir.path()).unwrap_or(&path);
    Some((path.to_str().unwrap().to_owned(), refusal))
}

fn is_at(path: &str, refusal: Rejected) -> Option<(String, Rejected)> {
    Some((path.to_owned(), refusal))
}

#[test]
fn whoever_can_write_to_a_file_or_above_it_is_told_by_its_path() {
    let dir = tree(&["a/b/file"]);
    let at = |path: &str| dir.path().join(path);
    assert_eq!(fault(&dir, "a/b/file"), None);
    for (mode, refusal) in [(0o666, Rejected::WorldWritable), (0o664, Rejected::GroupWritable)] {
        set_mode(&at("a/b/file"), mode);
        assert_eq!(fault(&dir, "a/b/file"), is_at("a/b/file", refusal));
        // What a file's own sticky bit says is nothing.
        set_mode(&at("a/b/file"), mode | 0o1000);
        assert_eq!(fault(&dir, "a/b/file"), is_at("a/b/file", refusal));
    }
    set_mode(&at("a/b/file"), 0o600);
    for (mode, refusal) in [(0o777, Rejected::WorldWritable), (0o770, Rejected::GroupWritable)] {
        for folder in ["a/b", "a"] {
            set_mode(&at(folder), mode);
            assert_eq!(fault(&dir, "a/b/file"), is_at(folder, refusal));
            set_mode(&at(folder), mode | 0o1000);
            assert_eq!(fault(&dir, "a/b/file"), None, "others can add names there, no more");
            set_mode(&at(folder), 0o755);
        }
    }
}

#[test]
fn a_link_is_followed_step_by_step() {
    let dir = tree(&["open/", "real/deep/file"]);
    let at = |path: &str| dir.path().join(path);
    // entry -> open/way -> ../real/deep -> file: what lies in `open` decides.
    symlink("../real/deep", at("open/way")).unwrap();
    symlink("open/way/file", at("entry")).unwrap();
    let found = FileGate::of(dir.path()).file(&at("entry"), 1).unwrap().0;
    assert_eq!(found, at("real/deep/file").canonicalize().unwrap());
    set_mode(&at("open"), 0o777);
    assert_eq!(fault(&dir, "entry"), is_at("open", Rejected::WorldWritable));
    assert_eq!(fault(&dir, "real/deep/file"), None, "it is no part of that way");
    symlink("circle", at("circle")).unwrap();
    assert_eq!(fault(&dir, "circle"), is_at("circle", Rejected::Dangling));
    symlink("real/nothing", at("dangling")).unwrap();
    assert_eq!(fault(&dir, "dangling"), is_at("real/nothing", Rejected::Dangling));
    symlink("/", at("root")).unwrap();
    assert_eq!(fault(&dir, "root"), is_at("root", Rejected::NotAFile));
}

#[test]
fn what_others_own_is_refused_and_what_root_owns_is_not() {
    let dir = tree(&["a/file"]);
    let chown = |path: &str, owner| std::os::unix::fs::lchown(dir.path().join(path), Some(owner), None);
    if let Err(error) = chown("a/file", 12_345) {
        println!("skipped: only root gives files away ({error})");
        return;
    }
    assert_eq!(fault(&dir, "a/file"), is_at("a/file", Rejected::Foreign(12_345)));
    chown("a/file", 0).unwrap();
    chown("a", 12_345).unwrap();
    assert_eq!(fault(&dir, "a/file"), is_at("a", Rejected::Foreign(12_345)));
    chown("a", 0).unwrap();
    symlink("a/file", dir.path().join("link")).unwrap();
    chown("link", 12_345).unwrap();
    assert_eq!(fault(&dir, "link"), is_at("link", Rejected::Foreign(12_345)));
    // Root may use a user's configuration, as it is that user's alone.
    chown("", 12_345).unwrap();
    assert_eq!(fault(&dir, "link"), None);
    chown("a/file", 54_321).unwrap();
    assert_eq!(fault(&dir, "a/file"), is_at("a/file", Rejected::Foreign(54_321)));
}

/// How Kubernetes mounts a ConfigMap or a Secret.
#[test]
fn a_volume_of_kubernetes_is_fine() {
    let dir = tree(&["adapters/..2026_11_28/fs.wasm", "adapters/..2026_11_28/fs.toml"]);
    let adapters = dir.path().join("adapters");
    symlink("..2026_11_28", adapters.join("..data")).unwrap();
    for file in ["fs.wasm", "fs.toml"] {
        symlink(Path::new("..data").join(file), adapters.join(file)).unwrap();
    }
    set_mode(&adapters, 0o1777);
    let config = Config::load(dir.path(), Path::new("/state")).unwrap();
    assert_eq!(config.destinations.len(), 1);
    set_mode(&adapters, 0o777);
    let error = Config::load(dir.path(), Path::new("/state")).unwrap_err().to_string();
    assert!(error.contains("chmod o-w"), "{error}");
}

#[test]
fn each_file_of_a_configuration_is_looked_at() {
    let files = ["mirrorbox.toml", "adapters/a.wasm", "adapters/a.toml", "adapters.lock"];
    let dir = tree(&files);
    let at = |path: &str| dir.path().join(path);
    let opens = || {
        let config = Config::load(dir.path(), Path::new("/state"))?;
        config.approvals.unwrap().approved("a").map(drop)
    };
    opens().unwrap();
    for path in files.into_iter().chain(["adapters", ""]) {
        let mode = fs::metadata(at(path)).unwrap().permissions().mode();
        set_mode(&at(path), mode | 0o020);
        let error = opens().unwrap_err().to_string();
        assert!(error.contains("chmod g-w") && error.contains(path), "{path}: {error}");
        set_mode(&at(path), mode);
    }
    opens().unwrap();
}

/// Opening it would block until another process writes to it.
#[test]
fn a_fifo_is_never_opened() {
    for path in ["mirrorbox.toml", "adapters/a.wasm", "adapters/a.toml", "adapters.lock"] {
        let dir = tree(&["adapters/a.wasm"]);
        let fifo = dir.path().join(path);
        if fifo.exists() {
            fs::remove_file(&fifo).unwrap();
        }
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let loaded = Config::load(dir.path(), Path::new("/state"));
        let error = match loaded {
            Ok(config) => config.approvals.unwrap().approved("a").unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains("not a file"), "{error}");
        assert!(read_file(&fifo, 1).unwrap_err().to_string().contains("not a file"));
    }
}

#[test]
fn what_is_too_large_is_not_read() {
    let dir = tree(&["adapters/", "mirrorbox.toml", "adapters.lock"]);
    for (file, most) in [("adapters.lock", MAX_LOCK), ("mirrorbox.toml", MAX_MAIN_FILE)] {
        let path = dir.path().join(file);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(most + 1)
            .unwrap();
        assert_eq!(fault(&dir, file).is_some(), most >= 1 << 20);
        let error = FileGate::of(dir.path()).read(&path, most).unwrap_err().to_string();
        assert!(error.contains("larger than"), "{error}");
        read_file(&path, most).unwrap_err();
    }
    assert_eq!(
        FileGate::of(dir.path()).read(&dir.path().join("none"), 1).unwrap(),
        None
    );
}
