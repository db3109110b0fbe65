//! Decides when a file of the adapter directory has stopped changing and may be read.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::directory::Found;

/// Waits until names have stopped changing: a file that grows, or a manifest that follows its component, is one change.
#[derive(Debug)]
pub(super) struct Settling {
    quiet: Duration,
    /// What was handed on last.
    settled: BTreeMap<String, Found>,
    /// What is another by now, and since when it is what it is.
    changing: BTreeMap<String, (Found, Instant)>,
}

impl Settling {
    /// With what is known already.
    pub(super) fn new(quiet: Duration, known: BTreeMap<String, Found>) -> Self {
        Self {
            quiet,
            settled: known,
            changing: BTreeMap::new(),
        }
    }

    /// Takes in what stands in the directory now; what has changed and been quiet for long enough. A name that is gone
    /// is one where nothing was found.
    pub(super) fn look(&mut self, now: Instant, mut scan: BTreeMap<String, Found>) -> Vec<(String, Found)> {
        for name in self.settled.keys().chain(self.changing.keys()) {
            scan.entry(name.clone()).or_default();
        }
        let mut quiet = Vec::new();
        for (name, found) in scan {
            if self.is_quiet(now, &name, &found) {
                self.changing.remove(&name);
                self.settle(&name, &found);
                quiet.push((name, found));
            }
        }
        quiet
    }

    /// When something may be quiet; none while nothing changes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.changing.values().map(|(_, since)| *since + self.quiet).min()
    }

    /// What was handed on last, where anything is left.
    pub(super) fn settled(&self) -> &BTreeMap<String, Found> {
        &self.settled
    }

    fn is_quiet(&mut self, now: Instant, name: &str, found: &Found) -> bool {
        if self.settled.get(name).unwrap_or(&Found::default()) == found {
            self.changing.remove(name);
            return false;
        }
        match self.changing.get(name) {
            Some((before, since)) if before == found => *since + self.quiet <= now,
            _ => {
                self.changing.insert(name.to_owned(), (found.clone(), now));
                self.quiet.is_zero()
            }
        }
    }

    fn settle(&mut self, name: &str, found: &Found) {
        match *found == Found::default() {
            true => self.settled.remove(name),
            false => self.settled.insert(name.to_owned(), found.clone()),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::directory::scan;

    const QUIET: Duration = Duration::from_millis(200);

    struct Watched {
        dir: tempfile::TempDir,
        settling: Settling,
        now: Instant,
    }

    impl Watched {
        fn new() -> Self {
            Self {
                dir: tempfile::tempdir().unwrap(),
                settling: Settling::new(QUIET, BTreeMap::new()),
                now: Instant::now(),
            }
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join(name)
        }

        /// The names that are quiet, and whether something stands there, after so much more time.
        fn after(&mut self, time: Duration) -> Vec<(String, bool)> {
            self.now += time;
            let quiet = self.settling.look(self.now, scan(self.dir.path()).unwrap());
            let is_there = |(name, found): (String, Found)| (name, found != Found::default());
            quiet.into_iter().map(is_there).collect()
        }
    }

    fn grow(path: &Path) {
        let before = fs::read(path).unwrap_or_default();
        fs::write(path, [&before[..], b"more"].concat()).unwrap();
    }

    #[test]
    fn a_file_that_grows_is_waited_out() {
        let mut watched = Watched::new();
        for _ in 0..5 {
            grow(&watched.path("a.wasm"));
            assert_eq!(watched.after(QUIET), []);
        }
        assert_eq!(watched.settling.next(), Some(watched.now + QUIET));
        assert_eq!(watched.after(QUIET / 2), []);
        assert_eq!(watched.after(QUIET / 2), [("a".to_owned(), true)]);
        assert_eq!((watched.after(QUIET), watched.settling.next()), (vec![], None));
    }

    #[test]
    fn a_component_and_its_manifest_are_one_change() {
        let mut watched = Watched::new();
        grow(&watched.path("a.wasm"));
        assert_eq!(watched.after(Duration::ZERO), []);
        grow(&watched.path("a.toml"));
        assert_eq!(watched.after(QUIET), []);
        assert_eq!(watched.after(QUIET), [("a".to_owned(), true)]);
    }

    #[test]
    fn what_is_removed_and_put_back_at_once_was_never_away() {
        let mut watched = Watched::new();
        grow(&watched.path("a.wasm"));
        watched.after(Duration::ZERO);
        assert_eq!(watched.after(QUIET), [("a".to_owned(), true)]);
        fs::rename(watched.path("a.wasm"), watched.path("b")).unwrap();
        assert_eq!(watched.after(QUIET), []);
        grow(&watched.path("a.wasm"));
        assert_eq!(watched.after(QUIET), []);
        assert_eq!(watched.after(QUIET), [("a".to_owned(), true)]);
        fs::remove_file(watched.path("a.wasm")).unwrap();
        assert_eq!(watched.after(QUIET), []);
        assert_eq!(watched.after(QUIET), [("a".to_owned(), false)]);
        assert_eq!((watched.after(QUIET), watched.settling.settled.len()), (vec![], 0));
    }

    #[test]
    fn a_change_that_is_taken_back_is_none() {
        let mut watched = Watched::new();
        grow(&watched.path("a.wasm"));
        watched.after(Duration::ZERO);
        fs::remove_file(watched.path("a.wasm")).unwrap();
        assert_eq!(watched.after(QUIET), []);
        assert_eq!(watched.settling.next(), None);
    }
}
