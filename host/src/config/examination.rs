//! What is seen of an adapter while it is checked: what it prints, and which of its files would outlast a crash.

mod synced;

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

pub use synced::{KeptNames, SyncedFiles};

/// So many lines of what an adapter printed are kept: a traceback of a dozen frames.
#[cfg(feature = "wasm")]
const LINES: usize = 30;

/// An adapter is under examination while it is opened with a manifest that [`super::Manifest::examine`] was called on.
/// Then what it prints is kept for the caller, and not logged; and a fresh instance follows each crash without
/// a pause, however many there were, so that each call reaches the guest.
///
/// Clones are the same examination.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    said: Arc<Mutex<VecDeque<String>>>,
    synced: Option<SyncedFiles>,
}

impl Examination {
    /// Notes, besides, what the adapter syncs: every file whole, so for small ones.
    pub fn with_synced_files() -> Self {
        Self {
            synced: Some(SyncedFiles::default()),
            ..Self::default()
        }
    }

    /// Takes the lines that the adapter printed or logged since the last time, 30 at most, the last ones; secrets are
    /// masked.
    pub fn take_said(&self) -> Vec<String> {
        self.said.lock().drain(..).collect()
    }

    /// What it has synced, if that is noted.
    pub fn synced(&self) -> Option<&SyncedFiles> {
        self.synced.as_ref()
    }

    #[cfg(feature = "wasm")]
    pub(crate) fn note_said(&self, line: String) {
        let mut said = self.said.lock();
        if said.len() == LINES {
            said.pop_front();
        }
        said.push_back(line);
    }
}

#[cfg(all(test, feature = "wasm"))]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let examination = Examination::default();
        for line in 0..LINES + 2 {
            examination.clone().note_said(line.to_string());
        }
        let said = examination.take_said();
        assert_eq!((said.len(), said[0].as_str()), (LINES, "2"));
        assert!(examination.take_said().is_empty());
    }
}
