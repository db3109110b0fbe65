//! A process and everything that it started. A process group would not do: PostgreSQL's children leave it.

use std::fs;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Signals a process and all of its descendants, the process first: it starts no new ones while the others are found.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let children = children(pid);
    send(pid, signal);
    for child in children {
        self::signal(child, signal);
    }
}

/// Stops everything first: who is stopped neither starts a process nor sees its parent die.
pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::SIGSTOP);
    let mut processes = vec![pid];
    let mut next = 0;
    while let Some(process) = processes.get(next) {
        processes.extend(children(*process));
        next += 1;
    }
    // Children first: once their parent is gone, nobody could tell them from another program's.
    for process in processes.into_iter().rev() {
        send(process, Signal::SIGKILL);
    }
}

/// One that is gone already is what was wanted.
fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = signal::kill(Pid::from_raw(pid), signal);
    }
}

fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}
