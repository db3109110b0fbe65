//! What the calls of one instance share.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::bucket::Bucket;
use crate::shelf::Shelf;

/// Forgotten all at once when there are more.
const STREAMS_SEEN: usize = 1024;
/// Transcripts that are read at once; a listing for each is kept, of some 50 KiB at most.
const SHELVES_KEPT: usize = 8;

/// The bucket, and what was seen in it.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) bucket: Bucket,
    seen: RefCell<HashMap<String, u64>>,
    shelves: RefCell<HashMap<String, Shelf>>,
}

impl Backend {
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            seen: RefCell::default(),
            shelves: RefCell::default(),
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.bucket.options().prefix
    }

    /// Requests at once.
    pub(crate) fn parallel(&self) -> usize {
        self.bucket.options().parallel
    }

    /// A number that was in use when this instance looked last: where to begin to look for the end.
    pub(crate) fn last_seen(&self, folder: &str) -> u64 {
        self.seen.borrow().get(folder).copied().unwrap_or_default()
    }

    /// What was listed for the page of a transcript that was loaded last.
    pub(crate) fn take_shelf(&self, folder: &str) -> Option<Shelf> {
        self.shelves.borrow_mut().remove(folder)
    }

    /// For the page that follows.
    pub(crate) fn keep_shelf(&self, folder: &str, shelf: Shelf) {
        let mut shelves = self.shelves.borrow_mut();
        if shelves.len() >= SHELVES_KEPT {
            shelves.clear();
        }
        shelves.insert(folder.to_owned(), shelf);
    }

    pub(crate) fn saw(&self, folder: &str, number: u64) {
        let mut seen = self.seen.borrow_mut();
        if seen.len() >= STREAMS_SEEN && !seen.contains_key(folder) {
            seen.clear();
        }
        let last = seen.entry(folder.to_owned()).or_default();
        *last = number.max(*last);
    }
}
