//! What systemd hears.

use std::os::unix::net::UnixDatagram;

use crate::watcher::{Machine, PATIENCE, Watcher};

#[test]
fn systemd_hears_that_it_is_ready_that_it_lives_and_that_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::at(dir.path());
    machine.add("-srv-app/s.jsonl", "{\"n\":1}\n");
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = machine.command(&[]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let watcher = Watcher::start(command, &dir.path().join("log"));
    let mut heard = String::new();
    hear(&socket, &mut heard, "READY=1");
    assert!(heard.contains("STATUS=following 1 transcripts"), "{heard}");
    for _ in 0..3 {
        hear(&socket, &mut String::new(), "WATCHDOG=1");
    }
    assert!(!heard.contains("STOPPING=1"), "{heard}");
    assert_eq!(watcher.stop(), Some(0));
    hear(&socket, &mut heard, "STOPPING=1");
}

/// Listens until a word comes.
fn hear(socket: &UnixDatagram, heard: &mut String, word: &str) {
    let mut bytes = [0; 4096];
    while !heard.lines().any(|line| line == word) {
        let length = socket
            .recv(&mut bytes)
            .unwrap_or_else(|error| panic!("{word}: {error}: {heard}"));
        heard.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        heard.push('\n');
    }
}
