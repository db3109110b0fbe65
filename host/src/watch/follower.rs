use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream as streams};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::sleep;

use super::changes::{Changes, Dirty};
use super::event::{OnWatchEvent, Wait, WatchEvent};
use super::figures::{Figures, NAMED, Waiting};
use super::files::{self, Files};
use super::mark::Mark;
use super::meeting::Spools;
use super::records::{Record, Records};
use super::runs::Runs;
use super::stream::Stream;
use super::{Claimed, Watch};
use crate::agent::{Leftovers, OnEvent};
use crate::host::Host;
use crate::key::SessionKey;
use crate::session::blocking;

/// What changes within this time is looked at together.
const TOGETHER: Duration = Duration::from_millis(30);

/// How often everything is looked at, whatever the system tells.
const EVERY: Duration = Duration::from_secs(3);

/// How often it is looked for what killed runs left.
const LEFTOVERS: Duration = Duration::from_secs(10);

/// When a transcript that could not be taken is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// How long destinations may take to open before files are looked at.
const OPENING: Duration = Duration::from_secs(30);

/// How many transcripts are worked on side by side,
const SIDE_BY_SIDE: usize = 4;
/// and how much is unread of all of them, in MiB: one that has more goes alone.
const ROOM: u32 = 32;

/// Follows a projects directory.
pub(super) struct Follower<'a> {
    host: &'a Host,
    watch: Watch,
    records: Records,
    runs: Runs,
    changes: Changes,
    streams: BTreeMap<SessionKey, (Stream, Files)>,
    figures: watch::Sender<Figures>,
    on_event: OnWatchEvent,
    entries: AtomicU64,
    room: Semaphore,
    leftovers_at: Instant,
    stop: watch::Receiver<bool>,
}

/// What the streams share during one look at the directory.
pub(super) struct Look<'a> {
    pub(super) host: &'a Host,
    pub(super) projects: &'a Path,
    pub(super) records: &'a Records,
    pub(super) runs: &'a Runs,
    pub(super) spools: Spools,
    /// Whether to stop; none in the last look, which goes on.
    stop: Option<watch::Receiver<bool>>,
    on_event: &'a OnWatchEvent,
    entries: &'a AtomicU64,
    room: &'a Semaphore,
}

impl Look<'_> {
    pub(super) fn tell(&self, event: WatchEvent) {
        tell(self.on_event, &event);
    }

    /// Entries were appended.
    pub(super) fn count(&self, entries: u64) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
    }

    /// A place among those who read so many bytes; none where nobody is to read any more.
    pub(super) async fn room(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        self.room.acquire_many(mebibytes.clamp(1, ROOM)).await.ok()
    }

    /// When a stream that waits is looked at again.
    pub(super) fn again(&self, cause: &Wait) -> Instant {
        match cause {
            Wait::Run | Wait::Destinations | Wait::Stopping => Instant::now(),
            Wait::Failed(_) => Instant::now() + RETRY,
        }
    }

    /// Nobody looks again.
    pub(super) fn is_last(&self) -> bool {
        self.stop.is_none()
    }

    /// Fails once it is to stop. Between two appends: one that is dropped halfway may still come to be.
    pub(super) fn go_on(&self) -> Result<(), Wait> {
        match self.stop.as_ref().is_some_and(|stop| *stop.borrow()) {
            true => Err(Wait::Stopping),
            false => Ok(()),
        }
    }

    /// Waits for an answer, but not beyond the time when it is to stop.
    pub(super) async fn unless_stopped<T>(&self, answer: impl Future<Output = Result<T, Wait>>) -> Result<T, Wait> {
        let Some(mut stop) = self.stop.clone() else {
            return answer.await;
        };
        tokio::select! {
            answer = answer => answer,
            _ = stop.wait_for(|stop| *stop) => Err(Wait::Stopping),
        }
    }
}

impl<'a> Follower<'a> {
    pub(super) fn new(host: &'a Host, claimed: Claimed, stop: watch::Receiver<bool>, on_event: OnWatchEvent) -> Self {
        let Claimed {
            watch,
            records,
            figures,
        } = claimed;
        let (changes, error) = Changes::new(&watch.projects, !watch.only_by_clock);
        let mut follower = Self {
            host,
            runs: Runs::new(&watch.state, &watch.projects),
            changes,
            streams: BTreeMap::new(),
            figures,
            on_event,
            entries: AtomicU64::new(0),
            room: Semaphore::new(ROOM as usize),
            leftovers_at: Instant::now(),
            stop,
            watch,
            records,
        };
        if let Some(error) = error {
            follower.go_by_clock(&error);
        }
        follower
    }

    pub(super) async fn run(mut self) {
        self.follow().await;
        // Dropped halfway, a stream is compared by the next process.
        let last = tokio::time::timeout(self.watch.last_look, self.look_at_all(true)).await;
        if last.is_err() {
            tracing::warn!("not everything in the agent's files could be taken in time; the next start takes it");
        }
    }

    async fn follow(&mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            // Opening may take long.
            _settled_or_late = tokio::time::timeout(OPENING, self.host.settled()) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        self.look_at_all(false).await;
        self.figures.send_modify(|figures| figures.ready = true);
        let mut all_at = Instant::now() + EVERY;
        loop {
            let wait = all_at.saturating_duration_since(Instant::now());
            tokio::select! {
                () = self.changes.wait() => sleep(TOGETHER.min(wait)).await,
                () = sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let dirty = self.changes.take();
            if dirty.all || all_at <= Instant::now() {
                self.pick_up_leftovers().await;
                self.look_at_all(false).await;
                all_at = Instant::now() + EVERY;
            } else {
                self.look_at_some(&dirty).await;
            }
        }
    }

    /// Looks at everything that is there.
    async fn look_at_all(&mut self, is_last: bool) {
        if let Err(error) = self.changes.listen() {
            self.go_by_clock(&error);
        }
        let projects = self.watch.projects.clone();
        match blocking(move || files::scan(&projects)).await {
            Ok(found) => self.take_in(found),
            Err(error) => tracing::warn!("cannot look through {}: {error}", self.watch.projects.display()),
        }
        self.runs.tidy();
        self.look(is_last, |_| true).await;
    }

    /// Looks at the files that changed.
    async fn look_at_some(&mut self, dirty: &Dirty) {
        let mut changed = HashMap::new();
        for (key, (_, files)) in &self.streams {
            let locals = files.transcript.iter().chain(&files.sidecar);
            if locals.map(|local| &local.path).any(|path| dirty.files.contains(path)) {
                changed.insert(key.clone(), files.clone());
            }
        }
        let changed = blocking(move || {
            let again = changed.into_iter().map(|(key, files)| (key, files.again()));
            again.collect::<HashMap<_, _>>()
        })
        .await;
        for (key, files) in &changed {
            if let Some((_, known)) = self.streams.get_mut(key) {
                known.clone_from(files);
            }
        }
        self.look(false, |key| changed.contains_key(key)).await;
    }

    /// Looks at streams whose files may have changed.
    async fn look(&mut self, is_last: bool, is_meant: impl Fn(&SessionKey) -> bool) {
        self.distrust_runs();
        let look = Look {
            host: self.host,
            projects: &self.watch.projects,
            records: &self.records,
            runs: &self.runs,
            spools: Spools::new(&self.watch.state),
            stop: (!is_last).then(|| self.stop.clone()),
            on_event: &self.on_event,
            entries: &self.entries,
            room: &self.room,
        };
        let meant = self.streams.iter_mut().filter(|(key, _)| is_meant(key));
        let looks = meant.map(|(_, (stream, files))| stream.look(&look, files));
        streams::iter(looks)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect::<()>()
            .await;
        self.show();
    }

    /// Streams come and go with their files.
    fn take_in(&mut self, found: BTreeMap<SessionKey, Files>) {
        let is_first = self.records.is_first;
        let mut gone: HashMap<_, _> = HashMap::new();
        for (key, (stream, _)) in self.streams.extract_if(.., |key, _| !found.contains_key(key)) {
            gone.insert(stream.file(), key);
        }
        for (key, files) in found {
            match self.streams.get_mut(&key) {
                Some((_, known)) => *known = files,
                None => {
                    self.tell_of_move(&key, &files, &mut gone);
                    self.add(key, files);
                }
            }
        }
        gone.into_values().for_each(|key| self.tell(WatchEvent::Gone { key }));
        if is_first && let Err(error) = self.records.has_begun() {
            tracing::warn!("that files are followed from now on cannot be written down: {error}");
        }
    }

    fn add(&mut self, key: SessionKey, files: Files) {
        let mut record = self.records.load(&key);
        if self.records.is_first && self.watch.from_now {
            record = self.begin_at_end(&key, &files).or(record);
        }
        let stream = Stream::new(key.clone(), record, &files);
        self.streams.insert(key, (stream, files));
    }

    /// What is there at the very start is not wanted.
    fn begin_at_end(&self, key: &SessionKey, files: &Files) -> Option<Record> {
        let (transcript, sidecar) = files.stamps();
        let end = files
            .transcript
            .as_ref()
            .map(|local| super::mark::complete_lines(&local.path));
        let kept = end.unwrap_or(Ok(0)).and_then(|end| {
            let mark = Mark::at(end);
            let record = Record {
                transcript,
                sidecar,
                mark,
            };
            self.records.save_durably(key, &record)?;
            Ok(record)
        });
        kept.map_err(|error| tracing::warn!("{key} is followed from its beginning on: {error}"))
            .ok()
    }

    fn tell_of_move(&self, to: &SessionKey, files: &Files, gone: &mut HashMap<Option<super::mark::Inode>, SessionKey>) {
        let Some(local) = &files.transcript else { return };
        if let Some(from) = gone.remove(&Some(local.stamp.file)) {
            let to = to.clone();
            self.tell(WatchEvent::Moved { from, to });
        }
    }

    /// Runs that ended between two looks leave word, too.
    fn distrust_runs(&mut self) {
        let sessions = match self.records.words.take() {
            Ok(sessions) => sessions,
            Err(error) => return tracing::warn!("cannot see which sessions runs wrote to: {error}"),
        };
        for (folder, session) in sessions {
            for (key, (stream, _)) in &mut self.streams {
                if key.project_key() == folder && key.session_id() == session {
                    stream.compare();
                }
            }
        }
    }

    /// Takes up what runs left that were killed meanwhile.
    async fn pick_up_leftovers(&mut self) {
        if self.leftovers_at > Instant::now() {
            return;
        }
        self.leftovers_at = Instant::now() + LEFTOVERS;
        let state = self.watch.state.clone();
        match blocking(move || Leftovers::look(&state)).await {
            Ok(left) if left.is_empty() => {}
            Ok(left) => {
                // It is in the log.
                let on_event: OnEvent = Arc::new(|_| ());
                let tally = left.pick_up(self.host, &on_event).await;
                self.entries.fetch_add(tally.entries, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!("cannot look at what runs left: {error}"),
        }
    }

    /// Shows how it goes.
    fn show(&self) {
        let waiting = self.streams.values().filter_map(|(stream, _)| {
            let cause = stream.waits()?.clone();
            Some(Waiting {
                stream: stream.key().clone(),
                cause,
            })
        });
        let waits = waiting.clone().count() as u64;
        let waiting: Vec<_> = waiting.take(NAMED).collect();
        self.figures.send_modify(|figures| {
            figures.looks += 1;
            figures.transcripts = self.streams.len() as u64;
            figures.entries = self.entries.load(Ordering::Relaxed);
            figures.waits = waits;
            figures.waiting = waiting;
        });
    }

    fn go_by_clock(&mut self, error: &notify::Error) {
        self.changes.give_up();
        let cause = error.to_string();
        self.tell(WatchEvent::ByClock { cause });
    }

    fn tell(&self, event: WatchEvent) {
        tell(&self.on_event, &event);
    }
}

fn tell(on_event: &OnWatchEvent, event: &WatchEvent) {
    match event.is_usual() {
        true => tracing::info!("{event}"),
        false => tracing::warn!("{event}"),
    }
    on_event(event);
}
