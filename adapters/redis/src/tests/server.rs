//! A Redis server of a test's own, on a free port, ended by its process id.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

use mirrorbox_adapter::{Adapter, Result, Settings};
use tempfile::TempDir;

use crate::Redis;

pub(super) struct TestServer {
    pub(super) dir: TempDir,
    pub(super) port: u16,
    pub(super) tls_port: Option<String>,
    arguments: Vec<String>,
    child: Mutex<Child>,
}

impl TestServer {
    /// The one that the rules share; it ends with the last of them.
    pub(super) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<TestServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start(&["--appendonly", "yes"]));
            *shared = Arc::downgrade(&server);
            server
        })
    }

    pub(super) fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    pub(super) fn start_in(dir: TempDir, arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string()).collect();
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // Another process may take the port in between.
            if let Some(child) = spawn(&dir, port, &arguments) {
                return Self {
                    dir,
                    port,
                    tls_port: None,
                    arguments,
                    child: Mutex::new(child),
                };
            }
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn tls_url(&self, host: &str) -> String {
        format!("rediss://{host}:{}", self.tls_port.as_deref().unwrap())
    }

    pub(super) fn open(&self, settings: &[(&str, &str)]) -> Result<Redis> {
        let url = self.url();
        let mut pairs = vec![("url", url.as_str())];
        pairs.extend_from_slice(settings);
        // The last of two settings with one name counts.
        Redis::open(&Settings::from_pairs(pairs))
    }

    pub(super) fn adapter(&self) -> Redis {
        self.open(&[]).unwrap()
    }

    /// What `redis-cli` prints.
    pub(super) fn cli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let output = command
            .args(["-p", &self.port.to_string()])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// As a power cut would.
    pub(super) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// On the same port, with the same files.
    pub(super) fn restart(&self) {
        *self.child.lock().unwrap() = spawn(&self.dir, self.port, &self.arguments).unwrap();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server that accepts connections; none if it ended.
fn spawn(dir: &TempDir, port: u16, arguments: &[String]) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
    command.arg("--dir").arg(dir.path()).args(arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is installed");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines
        .map_while(|line| line.ok())
        .any(|line| line.contains("Ready to accept connections"));
    if ready {
        return Some(child);
    }
    child.wait().unwrap();
    None
}
