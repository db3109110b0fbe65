//! What dead processes left: whether all of it is known yet, stream by stream. Until it is, the stream's lanes deliver
//! nothing: its lines keep the order in which they were appended.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::key::SessionKey;

/// Whether every dead process's copy of a stream is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CopiesKnown {
    /// Not yet: a copy is still to be opened.
    Pending,
    /// All of them are, and are on their way.
    All,
    /// A copy, or the spool that may hold one, cannot be read: what is known may be less than what is there.
    NotAll(Arc<str>),
}

/// The adoption of dead processes' spools as far as it has come. Nothing is pending before [`AdoptionState::begin`].
#[derive(Debug)]
pub(super) struct AdoptionState {
    state: Mutex<AdoptionProgress>,
    /// Whether nothing is pending.
    is_done: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct AdoptionProgress {
    /// It is not known yet which streams there are.
    is_listing: bool,
    /// Streams with copies that are still to be opened, by the fingerprints of their keys.
    pending: HashSet<String>,
    /// By the fingerprints of keys: copies that cannot be read.
    unreadable: HashMap<String, Arc<str>>,
    /// Spools of which not even the streams can be told.
    refused: Option<Arc<str>>,
}

impl AdoptionState {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            is_done: watch::Sender::new(true),
        }
    }

    /// Dead processes' spools are about to be looked at: until they are listed, any stream may be in them.
    pub(super) fn begin(&self) {
        self.state().is_listing = true;
        self.is_done.send_replace(false);
    }

    /// These streams are in them, by the fingerprints of their keys. True if lanes may have waited for the list.
    pub(super) fn listed(&self, pending: impl IntoIterator<Item = String>) -> bool {
        let mut state = self.state();
        state.pending.extend(pending);
        let was_listing = std::mem::take(&mut state.is_listing);
        self.note_done(&state);
        was_listing
    }

    /// Every copy of a stream is on its way, but for one that cannot be read.
    pub(super) fn settled(&self, fingerprint: &str, unreadable: Option<Arc<str>>) {
        let mut state = self.state();
        match unreadable {
            Some(why) => drop(state.unreadable.insert(fingerprint.to_owned(), why)),
            None => drop(state.unreadable.remove(fingerprint)),
        }
        state.pending.remove(fingerprint);
        self.note_done(&state);
    }

    /// A spool that cannot be adopted, whatever it holds; none any more.
    pub(super) fn refused(&self, why: Option<Arc<str>>) {
        self.state().refused = why;
    }

    /// Whether every dead process's copy of a stream is known.
    pub(super) fn of(&self, key: &SessionKey) -> CopiesKnown {
        let state = self.state();
        if state.is_listing {
            return CopiesKnown::Pending;
        }
        if !state.pending.is_empty() || !state.unreadable.is_empty() {
            let fingerprint = key.fingerprint();
            if state.pending.contains(&fingerprint) {
                return CopiesKnown::Pending;
            }
            if let Some(why) = state.unreadable.get(&fingerprint) {
                return CopiesKnown::NotAll(why.clone());
            }
        }
        state.refused.clone().map_or(CopiesKnown::All, CopiesKnown::NotAll)
    }

    /// Why not every dead process's copy of every stream is known; `None` if each is, or is still to be opened.
    pub(super) fn unreadable(&self) -> Option<Arc<str>> {
        let state = self.state();
        let one = state.unreadable.values().min();
        state.refused.as_ref().or(one).cloned()
    }

    /// Holds whether nothing is pending. Each lane is notified when its own stream is settled.
    pub(super) fn is_done(&self) -> watch::Receiver<bool> {
        self.is_done.subscribe()
    }

    fn note_done(&self, state: &AdoptionProgress) {
        let is_done = !state.is_listing && state.pending.is_empty();
        self.is_done
            .send_if_modified(|done| std::mem::replace(done, is_done) != is_done);
    }

    fn state(&self) -> MutexGuard<'_, AdoptionProgress> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_pending_until_its_own_copies_are_opened() {
        let key = |session: &str| SessionKey::main("p", session).unwrap();
        let adoption = AdoptionState::new();
        assert_eq!(adoption.of(&key("a")), CopiesKnown::All);
        adoption.begin();
        assert_eq!(adoption.of(&key("a")), CopiesKnown::Pending);
        adoption.listed([key("a").fingerprint(), key("b").fingerprint()]);
        assert_eq!(adoption.of(&key("c")), CopiesKnown::All);
        assert_eq!(adoption.of(&key("a")), CopiesKnown::Pending);
        adoption.settled(&key("a").fingerprint(), Some("EIO".into()));
        assert_eq!(adoption.of(&key("a")), CopiesKnown::NotAll("EIO".into()));
        assert!(!*adoption.is_done().borrow());
        adoption.settled(&key("b").fingerprint(), None);
        assert!(*adoption.is_done().borrow());
        adoption.refused(Some("newer".into()));
        assert_eq!(adoption.of(&key("b")), CopiesKnown::NotAll("newer".into()));
    }
}
