//! A PostgreSQL server of a test's own, on a free port, ended by its process id.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

use mirrorbox_adapter::{Adapter, Result, Settings};
use mirrorbox_servers::process_tree;
use tempfile::TempDir;

use crate::Postgres;

pub(super) const PASSWORD: &str = "p@ss/word";

pub(super) struct TestServer {
    pub(super) port: u16,
    dir: TempDir,
    arguments: Vec<String>,
    child: Mutex<Child>,
}

impl TestServer {
    /// The one that the rules share; it ends with the last of them.
    pub(super) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<TestServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start(&[]));
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Settings are `name=value`.
    pub(super) fn start(settings: &[&str]) -> Self {
        Self::start_with(settings, &[])
    }

    /// With files in the folder of the database.
    pub(super) fn start_with(settings: &[&str], files: &[(&str, String)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        own(dir.path());
        init(dir.path());
        for (name, content) in files {
            let path = dir.path().join("data").join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            own(&path);
        }
        let arguments: Vec<_> = settings.iter().map(|setting| format!("--{setting}")).collect();
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // Another process may take the port in between.
            if let Some(child) = spawn(dir.path(), port, &arguments) {
                return Self {
                    port,
                    dir,
                    arguments,
                    child: Mutex::new(child),
                };
            }
        }
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(super) fn open(&self, settings: &[(&str, &str)]) -> Result<Postgres> {
        let url = self.url();
        let mut pairs = vec![("url", url.as_str()), ("password", PASSWORD)];
        // The last of two settings with one name counts.
        pairs.extend_from_slice(settings);
        Postgres::open(&Settings::from_pairs(pairs))
    }

    pub(super) fn adapter(&self) -> Postgres {
        self.open(&[]).unwrap()
    }

    /// What `psql` prints, a row a line.
    pub(super) fn psql(&self, sql: &str) -> String {
        let mut command = Command::new("psql");
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "-XAtqc",
            sql,
        ]);
        let output = command.env("PGPASSWORD", PASSWORD).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A transaction that stays open after its question was answered, until its process is ended.
    pub(super) fn session(&self, sql: &str) -> Child {
        let mut command = Command::new("psql");
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "-XAtq",
        ]);
        command
            .env("PGPASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "BEGIN; {sql};").unwrap();
        let answer = BufReader::new(child.stdout.take().unwrap()).lines().next();
        assert!(matches!(answer, Some(Ok(_))));
        child.stdin = Some(input);
        child
    }

    /// As a power cut would: the processes that serve connections, too, which else go on until they notice.
    pub(super) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        // The number of one that has ended may be another's.
        if child.try_wait().unwrap().is_none() {
            process_tree::kill(child.id());
        }
        child.wait().unwrap();
    }

    /// Makes it a standby without a primary from its next start on; or the primary
    /// again.
    pub(super) fn be_standby(&self, standby: bool) {
        let file = self.dir.path().join("data/standby.signal");
        match standby {
            true => std::fs::write(&file, "").unwrap(),
            false => std::fs::remove_file(&file).unwrap(),
        }
    }

    /// On the same port, with the same files.
    pub(super) fn restart(&self) {
        // The server refuses to start while a process of the old one lives.
        let child = std::iter::repeat_with(|| spawn(self.dir.path(), self.port, &self.arguments))
            .flatten()
            .next();
        *self.child.lock().unwrap() = child.unwrap();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The server refuses to run as root: then it runs as the user that Debian's package made.
fn user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .expect("a user `postgres`")
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn own(path: &Path) {
    if let Some((uid, gid)) = user() {
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
    }
}

fn program(name: &str, dir: &Path) -> Command {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found: Option<PathBuf> = debian
        .map(|version| version.path().join("bin").join(name))
        .find(|path| path.exists());
    let mut command = Command::new(found.unwrap_or_else(|| name.into()));
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command.current_dir(dir);
    command
}

fn init(dir: &Path) {
    let secret = dir.join("password");
    std::fs::write(&secret, PASSWORD).unwrap();
    own(&secret);
    let mut command = program("initdb", dir);
    command.arg("-D").arg(dir.join("data")).arg("--pwfile").arg(secret);
    command.args([
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale=C",
        "--auth=scram-sha-256",
        "--no-sync",
    ]);
    let output = command.output().expect("PostgreSQL is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A server that accepts connections; none if it ended.
fn spawn(dir: &Path, port: u16, arguments: &[String]) -> Option<Child> {
    let mut command = program("postgres", dir);
    command
        .arg("-D")
        .arg(dir.join("data"))
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    command
        .args(["-c", "unix_socket_directories=", "-c", "max_connections=50"])
        .args(arguments);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(|line| line.ok());
    // A standby accepts "read-only connections".
    if log.any(|line| line.contains("ready to accept")) {
        // A thread must read the log, or the server blocks.
        std::thread::spawn(move || log.for_each(drop));
        return Some(child);
    }
    child.wait().unwrap();
    None
}
