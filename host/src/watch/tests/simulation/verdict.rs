//! What must be the case: after every look, and once everything is healed and drained.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::file::{AgentFile, is_unique};
use super::process::Order;
use super::world::{World, name};
use crate::mirror::tests::fixture::stored;

impl World {
    /// Whatever of the files is on no spool is reported.
    pub(super) fn check_reported(&self) {
        let Some((_, figures)) = &self.watching else { return };
        let figures = figures.borrow().clone();
        for file in &self.files {
            let is_waiting = figures.waiting.iter().any(|waiting| waiting.stream == file.key);
            let mut unreadable = figures.unreadable_paths.iter();
            let is_unreadable = unreadable.any(|unreadable| file.path.starts_with(&unreadable.path));
            let missing = file.wanted().find(|line| !self.truth.is_spooled(&file.key, line));
            assert!(
                missing.is_none() || is_waiting || is_unreadable,
                "{:?} of {} is on no spool, and {figures:?} does not say so",
                missing,
                file.key
            );
        }
    }

    /// Everything works again, and the files are looked at once more.
    pub(super) async fn conclude(&mut self) {
        self.note("everything is healed".to_owned());
        self.heal();
        self.end_run().await;
        self.end_watch();
        self.heal();
        self.start_watch();
        for _ in 0..2 {
            self.pick_up();
            self.order(Order::LookAtAll { is_last: true });
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
        self.check_reported();
        let (process, figures) = self.watching.as_ref().unwrap();
        let figures = figures.borrow().clone();
        assert!(
            !self.places.have_trails(),
            "what a run left is not picked up: {figures:?}"
        );
        assert_eq!((figures.waits, figures.unreadable), (0, 0), "{figures:?}");
        let mirror = process.base.mirror.clone();
        for _ in 0..2 {
            let left = mirror.flush(None, Some(Duration::from_secs(4000))).await;
            assert!(left.is_empty(), "{left:?}");
        }
        self.listen();
        for index in 0..self.stores.len() {
            for file in &self.files {
                self.check(index, file).await;
            }
        }
    }

    async fn check(&self, index: usize, file: &AgentFile) {
        let (at, key) = (name(index), &file.key);
        let held = stored(&self.stores[index].inside, key).await;
        let mut there: BTreeMap<&str, usize> = BTreeMap::new();
        held.iter().for_each(|line| *there.entry(line).or_default() += 1);
        for (line, count) in &there {
            let most = self
                .truth
                .most
                .get(&(key.clone(), (*line).to_owned()))
                .copied()
                .unwrap_or_default();
            assert!(
                *count <= most,
                "{line} is {count} times in {key} at {at}, and {most} times in the file"
            );
        }
        let spooled = self.truth.spooled.get(key).into_iter().flatten();
        for line in spooled.chain(file.wanted()) {
            let id = (key.clone(), line.clone());
            let count = there.get(line.as_str()).copied().unwrap_or_default();
            if self.truth.deleted.contains(&id) && is_unique(line) {
                assert_eq!(count, 0, "{line} of {key} was deleted at {at}, and is back");
                continue;
            }
            let is_excused = self.truth.deleted.contains(&id) || self.truth.perhaps.contains(&id);
            let in_file = file.wanted().filter(|held| *held == line).count().max(1);
            let is_told = || self.truth.is_told(&at, key, line);
            assert!(
                count >= in_file || is_excused || is_told(),
                "{line} is {in_file} times in the file of {key}, and {count} times at {at}"
            );
        }
        self.check_order(&at, file, &held);
    }

    /// Lines that were added at the end are there in this order. Rows beside a run's frames come once it ends, an
    /// import does not know what waits in spools, and a run that could not read what its files held says so.
    fn check_order(&self, at: &str, file: &AgentFile, held: &[String]) {
        let lacks_history = self.places.lacks_history.load(Ordering::Relaxed);
        if self.had_frames || self.has_imports || lacks_history {
            return;
        }
        // What a file held that was removed may come behind a run's rows of the one that took its place.
        let is_there = |line: &str| !self.has_runs || file.wanted().any(|held| held == line);
        // A process that does not know what came after a delete keeps it back and says so; one that knows brings it
        // later.
        let was_kept_back = |line: &str| self.truth.is_told(at, &file.key, line);
        let numbers: BTreeMap<_, _> = file
            .appended
            .iter()
            .zip(0..)
            .filter(|(line, _)| is_unique(line) && is_there(line) && !was_kept_back(line))
            .collect();
        let there: Vec<u64> = held.iter().filter_map(|line| numbers.get(line).copied()).collect();
        let is_after = there.windows(2).find(|pair| pair[0] > pair[1]);
        assert!(
            is_after.is_none(),
            "the lines of {} are not in order at {at}: {held:?}",
            file.key
        );
    }
}
