//! Which rights the files have that this process makes: whatever lies in them are transcripts, credentials and keys, so
//! they are their owner's alone, also where a library or an adapter asks for no particular mode.

use std::sync::OnceLock;

/// Nobody but the owner may do anything.
#[cfg(unix)]
const PRIVATE: u32 = 0o077;

/// What the process was started with.
static BEFORE: OnceLock<u32> = OnceLock::new();

/// Makes all files from now on private, for every thread.
#[cfg(unix)]
pub(crate) fn make_private() {
    use rustix::fs::Mode;
    let before = rustix::process::umask(Mode::from_raw_mode(PRIVATE));
    // Once a process: the first one is what its caller wanted.
    let _ = BEFORE.set(before.bits());
}

/// Elsewhere rights are inherited from directories.
#[cfg(not(unix))]
pub(crate) fn make_private() {}

/// What the process was started with: for what an agent makes, which is its user's work and none of ours.
pub(crate) fn before() -> Option<u32> {
    BEFORE.get().copied()
}
