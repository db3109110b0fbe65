//! A listing that an adapter never ends, through the command, which keeps all of one.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use mirrorbox_e2e::{Installation, test_guest};

/// What is kept of a listing is 1 GiB at most; a page more is on its way, in the guest and to the host.
const MOST_MEMORY: u64 = 2 << 30;

#[test]
fn a_listing_without_an_end_takes_no_more_memory_than_any_may() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    fs::copy(test_guest("hostile"), installed.config.join("adapters/hostile.wasm")).unwrap();
    let mut command = installed.command(["sessions", "--project", "many", "--from", "hostile"]);
    let mut listing = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    while listing.try_wait().unwrap().is_none() {
        peak = peak.max(memory(listing.id()));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let mut told = String::new();
    listing.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("a listing does not end"), "{told}");
    assert!((1..MOST_MEMORY).contains(&peak), "{} MiB", peak >> 20);
}

/// The most that a process has had so far; nothing where it is gone.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| {
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    })
}
