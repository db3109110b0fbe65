//! A process and everything that it started. A process group would not do: PostgreSQL's children leave it.

use std::fs;
use std::thread;
use std::time::Duration;

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

/// Kills a process and all of its descendants at once, as a power cut would. Returns once nothing of it runs any more:
/// a restarted server must not meet what the old one still holds, and no child of one that is gone answers a client.
///
/// Everything is stopped first: a process that is stopped neither starts another nor sees its parent die.
pub fn kill(pid: u32) {
    signal(pid, Signal::SIGSTOP);
    let mut processes = vec![pid];
    let mut next = 0;
    while let Some(process) = processes.get(next) {
        processes.extend(children(*process));
        next += 1;
    }
    let began: Vec<_> = processes
        .iter()
        .map(|process| (*process, runs_since(*process)))
        .collect();
    // Children first: once their parent is gone, nobody could tell them from another program's.
    for process in processes.into_iter().rev() {
        send(process, Signal::SIGKILL);
    }
    for (process, since) in began {
        // Not ours to wait for, but for the first: the others' parent is gone.
        while since.is_some() && runs_since(process) == since {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// When a process was started, in the kernel's ticks; none once it has ended, even if its parent has not heard of it. A
/// number that is used again has another beginning.
fn runs_since(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name may hold anything, but nothing behind it holds a parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let began = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(began)
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
