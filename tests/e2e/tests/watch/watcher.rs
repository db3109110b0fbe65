use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mirrorbox_e2e::{Installation, patient_delivery};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Longer than anything takes on a machine that has other things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A machine with an agent's projects directory, and Mirrorbox to follow it.
pub(crate) struct Machine {
    pub(crate) installed: Installation,
    pub(crate) projects: PathBuf,
}

/// `mirrorbox watch`, running.
pub(crate) struct Watcher {
    child: Child,
    log: PathBuf,
}

impl Machine {
    /// With the fs adapter, which gets every line at once.
    pub(crate) fn at(dir: &Path) -> Self {
        let installed = Installation::at(dir);
        let manifest = installed.config.join("adapters/fs.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(manifest, text + "flush = \"eager\"\n").unwrap();
        Self::of(installed, dir)
    }

    pub(crate) fn of(installed: Installation, dir: &Path) -> Self {
        let projects = dir.join("projects");
        fs::create_dir_all(projects.join("-srv-app")).unwrap();
        Self { installed, projects }
    }

    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let mut command = self.installed.command(["watch"]);
        command.args(options).args(patient_delivery(options));
        command.arg("--projects-dir").arg(&self.projects);
        command
    }

    /// Starts it, and waits until it has looked at everything.
    pub(crate) fn watch(&self, options: &[&str]) -> Watcher {
        let mut watcher = Watcher::start(self.command(options), &self.projects.with_extension("log"));
        wait_for("a first look", || {
            watcher.is_alive();
            self.status()["files"]["ready"] == true
        });
        watcher
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        let ran = self.installed.run(["status", "--json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.projects.join(path)
    }

    /// Adds to a file, as an agent does.
    pub(crate) fn add(&self, path: &str, text: &str) {
        let path = self.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap()
    }

    /// What the fs destination holds of a transcript, given as its path without `.jsonl`.
    pub(crate) fn stored(&self, stream: &str) -> String {
        stored(&self.installed.store, stream)
    }

    /// Waits until the fs destination holds exactly this.
    pub(crate) fn wait_stored(&self, stream: &str, text: &str) {
        let begun = Instant::now();
        loop {
            let stored = self.stored(stream);
            if stored == text {
                return;
            }
            assert!(stored.len() <= text.len(), "{stream}: more than there is: {stored}");
            assert!(begun.elapsed() < PATIENCE, "{stream}: {stored}\nnot\n{text}");
            sleep(Duration::from_millis(20));
        }
    }
}

/// What a folder of the fs adapter's holds of a transcript: its batches without their first lines, in order.
pub(crate) fn stored(folder: &Path, stream: &str) -> String {
    let batches = fs::read_dir(folder.join(stream)).into_iter().flatten();
    let mut batches: Vec<_> = batches.map(|entry| entry.unwrap().path()).collect();
    batches.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    batches.sort();
    let payload = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let (_, payload) = text.split_once('\n').unwrap();
        payload.to_owned()
    };
    batches.iter().map(payload).collect()
}

impl Watcher {
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let stderr = File::options().append(true).create(true).open(log).unwrap();
        Self {
            child: command.stderr(stderr).spawn().unwrap(),
            log: log.to_owned(),
        }
    }

    pub(crate) fn is_alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", self.log());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it and those before it said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn wait_said(&self, part: &str) {
        wait_for(part, || self.log().contains(part));
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        signal::kill(pid, Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something that wakes nobody.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        sleep(Duration::from_millis(20));
    }
}
