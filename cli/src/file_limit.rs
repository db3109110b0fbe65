//! How many files this process may have open: as many as the system lets it. What it starts for its user has the user's
//! own limit again, for a program that waits with `select` breaks beyond 1,024.

use std::sync::OnceLock;

/// What the process was started with, where that was raised.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Raises it. Where that fails, it stays as it is, which is said.
pub(crate) fn raise() {
    match mirrorbox::host::raise_file_limit() {
        // Once a process: the first one is what its caller wanted.
        Ok(Some(before)) => drop(BEFORE.set(before)),
        Ok(None) => {}
        Err(error) => tracing::warn!("the limit of open files stays as it is: {error}"),
    }
}

/// What the process was started with: for an agent, which is its user's and none of ours. `None` where it is what it
/// was.
pub(crate) fn before() -> Option<u64> {
    BEFORE.get().copied()
}
