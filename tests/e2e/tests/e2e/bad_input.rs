//! Bad input, through the command: an error that says what, where and what to do; nothing lost, nothing half-written.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox_e2e::{Installation, Ran, adapter};

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

/// An installation with one session of three batches' worth of lines.
struct Stored {
    dir: tempfile::TempDir,
    installed: Installation,
}

impl Stored {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let installed = Installation::at(dir.path());
        let stored = Self { dir, installed };
        let lines: Vec<_> = (0..1_200).map(|line| format!("{{\"line\":{line}}}\n")).collect();
        stored.local(lines.concat());
        assert_eq!(stored.import().code, Some(0));
        stored
    }

    fn projects(&self) -> PathBuf {
        self.dir.path().join("projects")
    }

    fn local(&self, content: impl AsRef<[u8]>) {
        let project = self.projects().join("-srv-app");
        fs::create_dir_all(&project).unwrap();
        fs::write(project.join(format!("{SESSION}.jsonl")), content).unwrap();
    }

    fn import(&self) -> Ran {
        self.installed
            .run(["import", "--projects-dir", self.projects().to_str().unwrap()])
    }

    fn restore(&self) -> Ran {
        let into = self.dir.path().join("restored");
        self.installed
            .run(["restore", "--all", "--into", into.to_str().unwrap()])
    }

    fn batch(&self, number: u64) -> PathBuf {
        self.installed
            .store
            .join(format!("-srv-app/{SESSION}/{number:020}.jsonl"))
    }

    /// Nothing is restored, and both commands name the range.
    fn is_damaged(&self, range: &str) {
        let restored = self.restore();
        assert_eq!(restored.code, Some(1), "{restored:?}");
        assert!(restored.stderr.contains(range), "{restored:?}");
        let project = self.dir.path().join("restored/projects/-srv-app");
        assert!(!project.join(format!("{SESSION}.jsonl")).exists());
        let left = fs::read_dir(&project).map_or(0, Iterator::count);
        assert_eq!(left, 0, "something half-written stayed");
        let verified = self.installed.run(["verify"]);
        assert_eq!(verified.code, Some(1), "{verified:?}");
        assert!(verified.stdout.contains(range), "{verified:?}");
    }
}

#[test]
fn a_removed_batch_is_named() {
    let stored = Stored::new();
    fs::remove_file(stored.batch(2)).unwrap();
    stored.is_damaged("batches 2 to 2");
}

#[test]
fn a_truncated_batch_is_named() {
    let stored = Stored::new();
    let whole = fs::read(stored.batch(2)).unwrap();
    fs::write(stored.batch(2), &whole[..whole.len() - 10]).unwrap();
    stored.is_damaged(stored.batch(2).to_str().unwrap());
    fs::remove_dir_all(stored.dir.path().join("restored")).unwrap();
    stored.is_damaged("batches 2 to 2");
}

#[test]
fn a_changed_byte_is_named() {
    let stored = Stored::new();
    let mut whole = fs::read(stored.batch(2)).unwrap();
    let last = whole.len() - 3;
    whole[last] ^= 1;
    fs::write(stored.batch(2), &whole).unwrap();
    stored.is_damaged("batch 2");
}

#[test]
fn swapped_batches_are_named() {
    let stored = Stored::new();
    let (first, second) = (fs::read(stored.batch(1)).unwrap(), fs::read(stored.batch(2)).unwrap());
    fs::write(stored.batch(1), second).unwrap();
    fs::write(stored.batch(2), first).unwrap();
    stored.is_damaged("batches 1 to 1");
}

#[test]
fn a_lost_end_is_named() {
    let stored = Stored::new();
    fs::remove_file(stored.batch(3)).unwrap();
    stored.is_damaged("batches 3 to 3");
}

#[test]
fn one_damaged_session_does_not_stop_the_others() {
    let stored = Stored::new();
    let other = stored
        .projects()
        .join("-srv-other/0b6c9f0e-0000-4000-8000-000000000002.jsonl");
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    fs::write(&other, "{}\n").unwrap();
    assert_eq!(stored.import().code, Some(0));
    fs::remove_file(stored.batch(1)).unwrap();
    assert_eq!(stored.restore().code, Some(1));
    let restored = stored
        .dir
        .path()
        .join("restored/projects/-srv-other/0b6c9f0e-0000-4000-8000-000000000002.jsonl");
    assert_eq!(fs::read(restored).unwrap(), b"{}\n");
}

#[test]
fn a_torn_last_line_waits_and_is_told() {
    let stored = Stored::new();
    let whole = fs::read(stored.projects().join(format!("-srv-app/{SESSION}.jsonl"))).unwrap();
    stored.local([&whole[..], b"{\"torn\":"].concat());
    let torn = stored.import();
    assert_eq!(torn.code, Some(3), "{torn:?}");
    assert!(torn.stderr.contains(SESSION), "{torn:?}");
    stored.local([&whole[..], b"{\"torn\":1}\n"].concat());
    assert_eq!(stored.import().code, Some(0));
    assert_eq!(stored.restore().code, Some(0));
    let restored = stored
        .dir
        .path()
        .join(format!("restored/projects/-srv-app/{SESSION}.jsonl"));
    assert_eq!(fs::read(restored).unwrap(), [&whole[..], b"{\"torn\":1}\n"].concat());
}

#[test]
fn lines_that_are_no_entries_are_kept_and_told() {
    let stored = Stored::new();
    let content = b"not json\n\xff\xfe\n[]\n\n{\"fine\":1}\n";
    let odd = stored
        .projects()
        .join("-srv-app/0b6c9f0e-0000-4000-8000-000000000002.jsonl");
    fs::write(&odd, content).unwrap();
    let imported = stored.import();
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert!(imported.stderr.contains("000000000002.jsonl"), "{imported:?}");
    assert!(
        !imported.stderr.contains("not json"),
        "no content in a message: {imported:?}"
    );
    assert_eq!(stored.restore().code, Some(0));
    let restored = stored
        .dir
        .path()
        .join("restored/projects/-srv-app/0b6c9f0e-0000-4000-8000-000000000002.jsonl");
    assert_eq!(fs::read(restored).unwrap(), content);
}

#[test]
fn an_empty_file_makes_no_session() {
    let stored = Stored::new();
    fs::write(
        stored
            .projects()
            .join("-srv-app/0b6c9f0e-0000-4000-8000-000000000002.jsonl"),
        "",
    )
    .unwrap();
    assert_eq!(stored.import().code, Some(0));
    assert_eq!(
        stored.installed.json(["sessions"])["sessions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_line_beyond_the_limit_fails_its_session_only() {
    let stored = Stored::new();
    let long = stored
        .projects()
        .join("-srv-app/0b6c9f0e-0000-4000-8000-000000000002.jsonl");
    fs::write(&long, vec![b'x'; (128 << 20) + 1]).unwrap();
    let whole = fs::read(stored.projects().join(format!("-srv-app/{SESSION}.jsonl"))).unwrap();
    stored.local([&whole[..], b"{\"more\":1}\n"].concat());
    let imported = stored.import();
    assert_eq!(imported.code, Some(1), "{imported:?}");
    assert!(imported.stderr.contains("000000000002.jsonl"), "{imported:?}");
    assert!(imported.stderr.contains("line 1"), "{imported:?}");
    assert_eq!(stored.restore().code, Some(0));
    let restored = stored
        .dir
        .path()
        .join(format!("restored/projects/-srv-app/{SESSION}.jsonl"));
    assert!(fs::read(restored).unwrap().ends_with(b"{\"more\":1}\n"));
}

#[test]
fn what_is_in_a_target_is_left_alone() {
    let stored = Stored::new();
    let into = stored.dir.path().join("restored");
    fs::create_dir(&into).unwrap();
    fs::write(into.join("mine"), "precious").unwrap();
    let restored = stored.restore();
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let again = stored.restore();
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("replaces nothing"), "{again:?}");
    assert_eq!(fs::read_to_string(into.join("mine")).unwrap(), "precious");
}

#[test]
fn settings_that_nobody_knows_are_named_with_their_line() {
    let stored = Stored::new();
    let main = stored.installed.config.join("mirrorbox.toml");
    fs::write(&main, "\nprojets_dir = \"x\"\n").unwrap();
    let ran = stored.installed.run(["sessions"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("mirrorbox.toml, line 2"), "{ran:?}");
    assert!(ran.stderr.contains("`projets_dir`"), "{ran:?}");
}

#[test]
fn files_that_are_no_adapters_are_explained() {
    let stored = Stored::new();
    let file = |name: &str, content: &[u8]| {
        let path = stored.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let whole = fs::read(adapter("fs")).unwrap();
    for (path, expected) in [
        (file("empty.wasm", b""), "empty"),
        (file("text.wasm", b"hello"), "not begin like WebAssembly"),
        (file("module.wasm", b"\0asm\x01\0\0\0"), "core module"),
        (file("cut.wasm", &whole[..1000]), "copy it again"),
    ] {
        let ran = stored.installed.run(["adapters", "inspect", path.to_str().unwrap()]);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
    let ran = stored
        .installed
        .run(["adapters", "inspect", adapter("fs").to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("mirrorbox:adapter/session-store@0.1.0"), "{ran:?}");
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = Installation {
        config: dir.path().join("config"),
        state: dir.path().join("state"),
        store: dir.path().join("store"),
    };
    let ran = nowhere.run(["sessions"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("mirrorbox init"), "{ran:?}");
    assert_eq!(nowhere.run(["restore"]).code, Some(2));
    assert_eq!(nowhere.run(["no-such-command"]).code, Some(2));
}

#[test]
fn a_configuration_without_adapters_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    fs::remove_dir_all(installed.config.join("adapters")).unwrap();
    assert!(installed.succeeds(["adapters"]).contains("no adapters in"));
    let ran = installed.run(["sessions"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("NAME.wasm"), "{ran:?}");
}

#[test]
fn init_does_not_overwrite() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let manifest = installed.config.join("adapters/fs.toml");
    let before = fs::read_to_string(&manifest).unwrap();
    assert!(before.contains(installed.store.to_str().unwrap()), "{before}");
    let again = installed.run([Path::new("init"), Path::new("--store"), dir.path()]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("nothing was changed"), "{again:?}");
    assert_eq!(fs::read_to_string(&manifest).unwrap(), before);
}

/// A folder that is there keeps its mode, and so others may read what is put into it.
#[test]
fn init_warns_of_a_store_that_others_may_look_into() {
    use std::os::unix::fs::PermissionsExt;

    for (mode, warns) in [(0o755, true), (0o700, false)] {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        fs::create_dir(&store).unwrap();
        fs::set_permissions(&store, fs::Permissions::from_mode(mode)).unwrap();
        let output = std::process::Command::new(mirrorbox_e2e::command())
            .arg("--config")
            .arg(dir.path().join("config"))
            .args(["init", "--store"])
            .arg(&store)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{told}");
        assert_eq!(
            told.contains(&format!("chmod 700 {}", store.display())),
            warns,
            "{told}"
        );
        assert_eq!(told.contains("0755"), warns, "{told}");
    }
}
