//! Lines that another command brings are left to it: each is stored once, whichever commands run side by side.

use std::io;
use std::path::Path;

use mirrorbox::key::SessionKey;
use mirrorbox::mirror::DeliveryRecords;
use mirrorbox::session::LeaveOut;
use mirrorbox::spool::Spool;
use mirrorbox::watch::Runs;

/// What is not imported to a destination: what a run has, and what this disk has for it.
pub(super) fn leave_out(state: &Path, projects: &Path, destination: &str) -> LeaveOut {
    let (runs, state, destination) = (Runs::new(state, projects), state.to_owned(), destination.to_owned());
    LeaveOut::new(move |key, path, bytes| {
        let asked = match runs.have(key.project_key(), key.session_id(), path, bytes) {
            Ok(true) => {
                return Some("a run mirrors it, or was killed: its rows are stored once that is over".to_owned());
            }
            // Behind the look for runs: what one has spooled by its end is seen here.
            Ok(false) => waits(&state, &destination, key),
            Err(error) => Err(error),
        };
        match asked {
            Ok(false) => None,
            Ok(true) => Some(format!(
                "lines of it wait on this disk for `{destination}`, and would come twice; `mirrorbox drain` delivers them"
            )),
            Err(error) => Some(format!(
                "whether another command brings its lines cannot be seen: {error}"
            )),
        }
    })
}

/// Whether a spool holds lines of a transcript that a destination does not have, and that are not compared with what is
/// there when they are delivered. Lines of files that were followed are.
fn waits(state: &Path, destination: &str, key: &SessionKey) -> io::Result<bool> {
    let records = DeliveryRecords::open(state).map_err(io::Error::other)?;
    for (writer, stream) in Spool::look_at_stream(state, key).map_err(io::Error::other)? {
        let compared_from = stream.doubts().first().map_or(u64::MAX, |doubt| doubt.from);
        let end = stream.end().line.min(compared_from);
        if records.standing(destination, &writer, &stream)?.next.line < end {
            return Ok(true);
        }
    }
    Ok(false)
}
