//! The durable mirror: appends beside lone syncs, delivery beside the agent SDK's own batcher, catching up.

mod appends;
mod delivery;
pub(crate) mod frames;
mod sdk;

use std::fs;

pub(crate) use self::appends::measure as appends;
pub(crate) use self::delivery::{delivered, measure as delivery};

/// A line of this process's `/proc` status, in bytes; none where there is no such file.
pub(crate) fn memory(line: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|text| text.strip_prefix(line))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib << 10)
}

/// From now on, the peak is that of what follows.
pub(crate) fn forget_peak() {
    // Where it cannot be done, the peak is that of the whole run: more, never less.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// How far memory rose above what it was, in words.
fn risen(before: Option<u64>) -> String {
    match (memory("VmHWM:"), before) {
        (Some(peak), Some(before)) => format!("memory rose by {} MiB", peak.saturating_sub(before) >> 20),
        _ => "memory is not told here".to_owned(),
    }
}
