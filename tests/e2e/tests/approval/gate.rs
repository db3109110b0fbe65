//! Through the command: what others than its owner could have put into a configuration is opened by no command.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use mirrorbox_e2e::{Installation, Ran, adapter};

use crate::component::place;

const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";

/// Every command that opens adapters and ends by itself.
const COMMANDS: &[&[&str]] = &[
    &["adapters"],
    &["adapters", "approve", "fs"],
    &["adapters", "check", "fs"],
    &["import", "--projects-dir", "."],
    &["drain"],
    &["sessions"],
    &["show", SESSION],
    &["tail", SESSION],
    &["rename", SESSION, "title"],
    &["tag", SESSION, "tag"],
    &["fork", SESSION],
    &["restore", SESSION, "--into", "never-made"],
    &["restore", "--all", "--into", "never-made"],
    &["verify"],
    &["verify", "--between"],
    &["verify", "--spools"],
    &["copy", "--from", "fs", "--to", "other"],
    &["delete", SESSION, "--yes"],
    &["compact", SESSION],
];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A command says what is wrong, and has not opened the adapter: that leaves something in its folder.
fn is_refused(installed: &Installation, ran: &Ran, words: &str) {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    assert_eq!(
        fs::read_dir(&installed.store).unwrap().count(),
        0,
        "it was opened: {ran:?}"
    );
    assert!(!installed.lock().exists(), "it was recorded: {ran:?}");
}

#[test]
fn no_command_opens_what_anybody_could_have_put_there() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    set_mode(&installed.config.join("adapters"), 0o777);
    for command in COMMANDS {
        is_refused(&installed, &installed.run(*command), "chmod o-w");
    }
    // In a sticky directory nobody can exchange what is ours.
    set_mode(&installed.config.join("adapters"), 0o1777);
    installed.succeeds(["adapters"]);
}

/// What is wrong with a configuration, how it is made so, and what is said of it.
type Case = (&'static str, fn(&Installation), &'static str);

const CASES: &[Case] = &[
    (
        "manifest",
        |installed| set_mode(&place(installed).with_extension("toml"), 0o666),
        "chmod o-w",
    ),
    ("component", |installed| set_mode(&place(installed), 0o620), "chmod g-w"),
    (
        "main file",
        |installed| {
            let file = installed.config.join("mirrorbox.toml");
            set_mode(&file, 0o646);
        },
        "mirrorbox.toml",
    ),
    (
        "configuration",
        |installed| set_mode(&installed.config, 0o777),
        "chmod o-w",
    ),
    (
        "above it",
        |installed| set_mode(installed.config.parent().unwrap(), 0o777),
        "chmod o-w",
    ),
    (
        "link",
        |installed| {
            fs::remove_file(place(installed)).unwrap();
            symlink(adapter("fs").canonicalize().unwrap(), place(installed)).unwrap();
        },
        "outside the adapter directory",
    ),
    (
        "fifo",
        |installed| {
            let fifo = installed.config.join("adapters/q.toml");
            assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
        },
        "q.toml",
    ),
    (
        "large manifest",
        |installed| {
            let file = fs::File::options()
                .write(true)
                .open(place(installed).with_extension("toml"))
                .unwrap();
            file.set_len((256 << 10) + 1).unwrap();
        },
        "larger than",
    ),
    (
        "name",
        |installed| {
            fs::rename(place(installed), installed.config.join("adapters/a\\b.wasm")).unwrap();
        },
        "cannot be called that",
    ),
];

#[test]
fn whatever_is_wrong_with_a_file_is_an_error_that_names_it() {
    for (name, make, words) in CASES {
        println!("{name}");
        let dir = tempfile::tempdir().unwrap();
        let installed = Installation::at(dir.path());
        make(&installed);
        for command in [&["adapters"][..], &["sessions"], &["import", "--projects-dir", "."]] {
            is_refused(&installed, &installed.run(command), words);
        }
    }
}

#[test]
fn a_lock_that_others_can_write_to_approves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    let mode = fs::metadata(installed.lock()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "and it is nobody else's to read");
    set_mode(&installed.lock(), 0o666);
    for command in [&["adapters"][..], &["sessions"], &["adapters", "approve", "fs"]] {
        let ran = installed.run(command);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert!(
            ran.stderr.contains("adapters.lock") && ran.stderr.contains("chmod o-w"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_component_that_is_checked_by_its_file_is_looked_at_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let component = place(&installed);
    set_mode(&component.with_extension("toml"), 0o666);
    let check = ["adapters", "check", component.to_str().unwrap(), "--only", "end"];
    is_refused(&installed, &installed.run(check), "chmod o-w");
    // Neither is a fifo opened that is to be inspected or installed.
    let fifo = dir.path().join("fifo.wasm");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for command in ["inspect", "install"] {
        let ran = installed.run(["adapters", command, fifo.to_str().unwrap()]);
        assert!(ran.code != Some(0) && ran.stderr.contains("not a file"), "{ran:?}");
    }
}

/// As a container mounts a configuration: nobody can write to it, whatever its modes and owners say.
#[test]
fn a_configuration_that_is_mounted_read_only_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    set_mode(&installed.config.join("adapters"), 0o777);
    for file in ["fs.wasm", "fs.toml"] {
        set_mode(&installed.config.join("adapters").join(file), 0o666);
    }
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let mounted = |what: &Command| {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "sh", "-c", script])
            .arg(&installed.config)
            .arg(what.get_program());
        command.args(what.get_args()).output()
    };
    match mounted(&Command::new("true")) {
        Ok(output) if output.status.success() => {}
        other => return println!("skipped: nothing can be mounted here ({other:?})"),
    }
    let output = mounted(&installed.command(["adapters"])).unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Each grant is named by its line, and neither adapter opens.
#[test]
fn grants_that_lie_within_each_other_are_named_by_both_lines() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let adapters = installed.config.join("adapters");
    let inner = installed.store.join("inner");
    fs::create_dir_all(&inner).unwrap();
    fs::copy(adapters.join("fs.wasm"), adapters.join("two.wasm")).unwrap();
    let manifest = format!("[grants]\ndirs = [{{ host = {inner:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("two.toml"), manifest).unwrap();
    let ran = installed.run(["adapters"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let told = format!("{}{}", ran.stdout, ran.stderr);
    let outer = fs::read_to_string(adapters.join("fs.toml")).unwrap();
    let line = outer.lines().position(|line| line.starts_with("dirs")).unwrap() + 1;
    for place in [format!("fs.toml, line {line}"), "two.toml, line 2".to_owned()] {
        assert!(told.contains(&place), "{place}: {told}");
    }
    assert!(told.contains("lies within") && told.contains("holds"), "{told}");
    for command in [
        &["sessions"][..],
        &["import", "--projects-dir", "/nowhere"],
        &["verify"],
    ] {
        assert_ne!(installed.run(command).code, Some(0), "{command:?}");
    }
}
