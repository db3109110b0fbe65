//! Adapters in other languages, from nothing to delivered transcripts: a script types what their README says.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mirrorbox_e2e::{command, target_dir};

use crate::watcher::{Machine, wait_for};

/// What is called so in these tests.
const NAME: &str = "mine";

const FILES: [&str; 3] = [
    "-srv-app/s.jsonl",
    "-srv-app/s/subagents/agent-1.jsonl",
    "-srv-other/t.jsonl",
];

/// A folder that `mirrorbox adapters new` made, on a machine with an agent.
struct Begun {
    machine: Machine,
    folder: PathBuf,
    /// How each command of the page is run: variables of its environment.
    variables: Vec<(&'static str, OsString)>,
}

impl Begun {
    fn new(dir: &Path, language: &str, variables: Vec<(&'static str, OsString)>) -> Self {
        let machine = Machine::at(dir);
        let mut new = machine.installed.command(["adapters", "new", NAME, "--lang", language]);
        let made = new.current_dir(dir).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Self {
            machine,
            folder: dir.join(NAME),
            variables,
        }
    }

    /// The commands of its README, a line each.
    fn lines(&self) -> Vec<String> {
        let page = fs::read_to_string(self.folder.join("README.md")).unwrap();
        let (_, block) = page.split_once("```sh\n").unwrap();
        let (block, _) = block.split_once("```").unwrap();
        block.lines().map(str::to_owned).collect()
    }

    /// Types a line in the folder; what was printed.
    fn types(&self, line: &str) -> String {
        let path = env::var_os("PATH").unwrap();
        let with_ours = [command().parent().unwrap().to_owned()]
            .into_iter()
            .chain(env::split_paths(&path));
        let ran = Command::new("sh")
            .args(["-e", "-c", line])
            .current_dir(&self.folder)
            .env("PATH", env::join_paths(with_ours).unwrap())
            .env("MIRRORBOX_CONFIG", &self.machine.installed.config)
            .env("MIRRORBOX_STATE", &self.machine.installed.state)
            .env_remove("CARGO_TARGET_DIR")
            .envs(self.variables.iter().cloned())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{line}: {said}");
        said
    }

    /// Restores everything from a destination; each file must be as the agent wrote it.
    fn restores(&self, destination: &str) {
        let into = tempfile::tempdir().unwrap();
        let into = into.path().join("restored");
        let restore = ["restore", "--all", "--from", destination, "--into"];
        let mut restore = self.machine.installed.command(restore);
        let restored = restore.arg(&into).output().unwrap();
        assert!(restored.status.success(), "{destination}: {restored:?}");
        for file in FILES {
            let restored = fs::read(into.join("projects").join(file)).unwrap();
            assert_eq!(
                restored,
                fs::read(self.machine.file(file)).unwrap(),
                "{destination}: {file}"
            );
        }
    }
}

/// From nothing to transcripts that are restored byte for byte; then what it wrote is read by the fs adapter, and what
/// that one wrote by it.
fn delivers(language: &str, variables: Vec<(&'static str, OsString)>) {
    let dir = tempfile::tempdir().unwrap();
    let begun = Begun::new(dir.path(), language, variables);
    let lines = begun.lines();
    let [build, check, install, approve] = &lines[..] else {
        panic!("{lines:?}")
    };
    begun.types(build);
    let checked = begun.types(check);
    assert!(checked.contains(" 0 failed"), "{checked}");
    let machine = &begun.machine;
    let watcher = machine.watch(&[]);
    write_transcripts(machine);
    begun.types(install);
    begun.types(approve);
    wait_for("the adapter is open", || {
        let status = machine.status();
        let adapters = status["adapters"].as_array();
        let ours = adapters.and_then(|adapters| adapters.iter().find(|adapter| adapter["name"] == NAME));
        ours.is_some_and(|adapter| adapter["digest"].is_string())
    });
    // What comes while it takes part.
    machine.add(FILES[0], "{\"type\":\"user\",\"last\":true}\n");
    assert_eq!(watcher.stop(), Some(0), "not everything was delivered");
    machine.installed.succeeds(["verify"]);
    begun.restores(NAME);
    exchange_folders(&begun);
    machine.installed.succeeds(["verify"]);
    begun.restores(NAME);
    begun.restores("fs");
}

fn write_transcripts(machine: &Machine) {
    machine.add(
        FILES[0],
        &"{\"type\":\"user\",\"text\":\"\u{feff}é\u{1F980}\"}\n".repeat(1200),
    );
    machine.add(FILES[1], "{\"type\":\"assistant\"}\nnot JSON\n");
    machine.add(FILES[2], &format!("{{\"text\":\"{}\"}}\n", "x".repeat(3 << 20)));
}

/// Each of the two adapters gets the folder that the other one wrote.
fn exchange_folders(begun: &Begun) {
    let (ours, theirs) = (begun.folder.join("data"), &begun.machine.installed.store);
    let between = begun.folder.join("between");
    for (from, to) in [(&ours, &between), (theirs, &ours), (&between, theirs)] {
        fs::rename(from, to).unwrap();
    }
}

#[test]
fn an_adapter_in_rust() {
    // The versions are those of this workspace, which were downloaded for it.
    delivers("rust", vec![("CARGO_NET_OFFLINE", "true".into())]);
}

#[test]
fn an_adapter_in_python() {
    delivers("python", from_wheels());
}

/// Packages come from where `cargo xtask test` has put them.
fn from_wheels() -> Vec<(&'static str, OsString)> {
    let wheels = fs::canonicalize(target_dir()).unwrap().join("languages/wheels");
    assert!(
        wheels.is_dir(),
        "there is no {}; `cargo xtask test` downloads them",
        wheels.display()
    );
    vec![("PIP_NO_INDEX", "1".into()), ("PIP_FIND_LINKS", wheels.into())]
}
