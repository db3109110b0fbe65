//! Which spools the trails of runs need: a run that was killed is taken up by comparing its agent's files with what its
//! spool holds, so the spool stays until that is done, be it delivered or not.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

/// What counts of a trail here: `<state>/agents/<id>/trail.json`.
#[derive(Deserialize)]
struct TrailWriters {
    writers: BTreeSet<String>,
}

/// The writers that trails name. Fails if one cannot be read: any spool may be needed then. Blocks for the disk.
pub(super) fn writers_needed(state: &Path) -> io::Result<BTreeSet<String>> {
    let mut needed = BTreeSet::new();
    let runs = match fs::read_dir(state.join("agents")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(needed),
        runs => runs?,
    };
    for run in runs {
        let run = run?;
        // Between the runs' directories lie their locks.
        if !run.file_type()?.is_dir() {
            continue;
        }
        let path = run.path().join("trail.json");
        match fs::read(&path) {
            Ok(bytes) => needed.extend(serde_json::from_slice::<TrailWriters>(&bytes)?.writers),
            // It has not begun, or has ended: nothing needs what it spooled.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(needed)
}
