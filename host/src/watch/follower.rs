//! The loop of `watch`: which transcripts are to be looked at, and when.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, stream as streams};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};

use super::changes::{Changes, Dirty};
use super::event::{OnWatchEvent, Wait, WatchEvent};
use super::figures::{Figures, NAMED, Unreadable, Waiting};
use super::files::{Files, Scan};
use super::look::{Look, ROOM, Tally, tell};
use super::mark::{Inode, Mark};
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

/// How often everything is looked at, whatever the system tells,
const EVERY: Duration = Duration::from_secs(3);
/// and what part of the time that may take: where the system tells of changes, it is there for those that it misses,
const SHARE: u32 = 60;
/// and where it does not, it is all that there is.
const SHARE_BY_CLOCK: u32 = 4;

/// When a folder that changed is looked at once more.
const SOON: Duration = Duration::from_secs(1);

/// How often it is looked for what killed runs left.
const LEFTOVERS: Duration = Duration::from_secs(10);

/// How many transcripts are worked on side by side.
const SIDE_BY_SIDE: usize = 4;

/// Follows a projects directory.
pub(super) struct Follower<'a> {
    host: &'a Host,
    watch: Watch,
    records: Records,
    runs: Runs,
    changes: Changes,
    streams: BTreeMap<SessionKey, (Stream, Files)>,
    /// Those of them that are not taken for now.
    waiting: BTreeMap<SessionKey, Wait>,
    /// What cannot be looked at, and why,
    unreadable: BTreeMap<PathBuf, String>,
    /// and links that are not followed.
    links: BTreeSet<PathBuf>,
    /// Folders that changed just now.
    again: BTreeSet<PathBuf>,
    figures: watch::Sender<Figures>,
    on_event: OnWatchEvent,
    tally: Arc<Tally>,
    room: Semaphore,
    stop: watch::Receiver<bool>,
}

/// Of which part of the directory a scan tells.
enum Extent {
    All,
    /// Of all in these folders, and of these files.
    Of {
        folders: BTreeSet<PathBuf>,
        files: BTreeSet<PathBuf>,
    },
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
            waiting: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            links: BTreeSet::new(),
            again: BTreeSet::new(),
            figures,
            on_event,
            tally: Arc::default(),
            room: Semaphore::new(ROOM as usize),
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
        let picking_up = pick_up_leftovers(self.host, self.watch.state.clone(), self.tally.clone());
        tokio::select! {
            () = self.follow() => {}
            // What it was doing then is compared by the process that picks up next.
            () = picking_up => {}
        }
        // Dropped halfway, a stream is taken as it is found by the next process.
        let last = tokio::time::timeout(self.watch.last_look, self.look_at_all(true)).await;
        if last.is_err() {
            tracing::warn!("not everything in the agent's files could be taken in time; the next start takes it");
        }
    }

    async fn follow(&mut self) {
        let mut stop = self.stop.clone();
        let mut all_at = Instant::now() + self.look_at_all(false).await;
        self.figures.send_modify(|figures| figures.ready = true);
        loop {
            let next = all_at.min(Instant::now() + if self.again.is_empty() { EVERY } else { SOON });
            let wait = next.saturating_duration_since(Instant::now());
            tokio::select! {
                () = self.changes.wait() => sleep(TOGETHER.min(wait)).await,
                () = sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let dirty = self.changes.take();
            if dirty.all || all_at <= Instant::now() {
                all_at = Instant::now() + self.look_at_all(false).await;
            } else {
                self.look_at_some(dirty).await;
            }
        }
    }

    /// Looks at everything that is there. Gives how long it need not be done again.
    pub(super) async fn look_at_all(&mut self, is_last: bool) -> Duration {
        if let Err(error) = self.changes.listen() {
            self.go_by_clock(&error);
        }
        let (projects, begun) = (self.watch.projects.clone(), Instant::now());
        let scan = blocking(move || Scan::of(&projects)).await;
        let share = if self.changes.are_told() { SHARE } else { SHARE_BY_CLOCK };
        let pause = (begun.elapsed() * share).max(EVERY);
        self.again.clear();
        self.take_in(scan, &Extent::All);
        self.runs.tidy();
        self.doubt_runs();
        let due: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, (stream, files))| stream.is_due(files, is_last))
            .map(|(key, _)| key.clone())
            .collect();
        self.look(is_last, due).await;
        pause
    }

    /// Looks at what changed, and at what waits.
    pub(super) async fn look_at_some(&mut self, dirty: Dirty) {
        let projects = self.watch.projects.clone();
        // What came into a folder before the system listened there is found a little later.
        let again = std::mem::replace(&mut self.again, dirty.folders.iter().cloned().collect());
        let folders: BTreeSet<_> = dirty.folders.into_iter().chain(again).collect();
        let (scan, extent) = blocking(move || {
            let mut scan = Scan::default();
            folders.iter().for_each(|folder| scan.folder(&projects, folder));
            let files: BTreeSet<_> = dirty.files.into_iter().collect();
            files.iter().for_each(|path| scan.path(&projects, path));
            (scan, Extent::Of { folders, files })
        })
        .await;
        let mut due: BTreeSet<_> = scan.found.keys().cloned().collect();
        self.take_in(scan, &extent);
        due.extend(self.doubt_runs());
        due.extend(self.waiting.keys().cloned());
        let is_due = |key: &SessionKey| {
            let known = self.streams.get(key);
            known.is_some_and(|(stream, files)| stream.is_due(files, false))
        };
        let due: Vec<_> = due.into_iter().filter(is_due).collect();
        self.look(false, due).await;
    }

    /// Looks at streams whose files may have changed.
    async fn look(&mut self, is_last: bool, due: Vec<SessionKey>) {
        let look = Look {
            host: self.host,
            projects: &self.watch.projects,
            records: &self.records,
            runs: &self.runs,
            stop: (!is_last).then(|| self.stop.clone()),
            on_event: &self.on_event,
            tally: &self.tally,
            room: &self.room,
        };
        // Out of the map while they are worked on side by side. One that is dropped here is dropped with all others.
        let taken: Vec<_> = due.iter().filter_map(|key| self.streams.remove(key)).collect();
        let looks = taken.into_iter().map(|(mut stream, files)| {
            let look = &look;
            async move {
                stream.look(look, &files).await;
                (stream, files)
            }
        });
        let looked: Vec<_> = streams::iter(looks).buffer_unordered(SIDE_BY_SIDE).collect().await;
        for (stream, files) in looked {
            let key = stream.key().clone();
            match stream.waits() {
                Some(wait) => drop(self.waiting.insert(key.clone(), wait.clone())),
                None => drop(self.waiting.remove(&key)),
            }
            self.streams.insert(key, (stream, files));
        }
        self.show();
    }

    /// Streams come and go with their files.
    fn take_in(&mut self, scan: Scan, extent: &Extent) {
        let Scan {
            found,
            unreadable,
            links,
        } = scan;
        self.take_in_problems(unreadable, links, extent);
        let mut gone = self.remove_gone(&found, extent);
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
        if matches!(extent, Extent::All)
            && self.records.is_first
            && let Err(error) = self.records.has_begun()
        {
            tracing::warn!("that files are followed from now on cannot be written down: {error}");
        }
    }

    /// What could not be looked at, and links, are told of once.
    fn take_in_problems(&mut self, unreadable: Vec<(PathBuf, String)>, links: Vec<PathBuf>, extent: &Extent) {
        let is_meant = |path: &Path| extent.covers(path);
        let mut before = std::mem::take(&mut self.unreadable);
        self.unreadable = before.extract_if(.., |path, _| !is_meant(path)).collect();
        for (path, cause) in unreadable {
            if before.get(&path) != Some(&cause) {
                self.tell(WatchEvent::Unreadable {
                    path: path.clone(),
                    cause: cause.clone(),
                });
            }
            self.unreadable.insert(path, cause);
        }
        let mut before = std::mem::take(&mut self.links);
        self.links = before.extract_if(.., |path| !is_meant(path)).collect();
        for path in links {
            if !before.contains(&path) {
                self.tell(WatchEvent::Link { path: path.clone() });
            }
            self.links.insert(path);
        }
    }

    /// Takes out the streams whose files are gone, by what file it was. What cannot be looked at is not gone.
    fn remove_gone(
        &mut self,
        found: &BTreeMap<SessionKey, Files>,
        extent: &Extent,
    ) -> HashMap<Option<Inode>, SessionKey> {
        let candidates: Vec<_> = match extent {
            Extent::All => self
                .streams
                .keys()
                .filter(|key| !found.contains_key(key))
                .cloned()
                .collect(),
            Extent::Of { folders, .. } => {
                let keys = folders.iter().flat_map(|folder| self.keys_in(folder));
                keys.filter(|key| !found.contains_key(key)).collect()
            }
        };
        let mut gone = HashMap::new();
        for key in candidates {
            let Some((stream, files)) = self.streams.get(&key) else {
                continue;
            };
            if self.unreadable.keys().any(|path| files.are_below(path)) {
                continue;
            }
            gone.insert(stream.file(), key.clone());
            self.streams.remove(&key);
            self.waiting.remove(&key);
        }
        gone
    }

    /// The streams of a project's folder.
    fn keys_in(&self, folder: &Path) -> Vec<SessionKey> {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Before every other session of the project.
        let Ok(first) = SessionKey::main(name, "\u{1}") else {
            return Vec::new();
        };
        let of_folder = self.streams.range(first..).map(|(key, _)| key);
        of_folder.take_while(|key| key.project_key() == name).cloned().collect()
    }

    fn add(&mut self, key: SessionKey, files: Files) {
        let mut record = self.records.load(&key);
        if self.records.is_first && self.watch.from_now {
            record = self
                .begin_at_end(&key, &files)
                .map_or(record, |record| Ok(Some(record)));
        }
        let stream = Stream::new(key.clone(), record);
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

    fn tell_of_move(&self, to: &SessionKey, files: &Files, gone: &mut HashMap<Option<Inode>, SessionKey>) {
        let Some(local) = &files.transcript else { return };
        if let Some(from) = gone.remove(&Some(local.stamp.file)) {
            let to = to.clone();
            self.tell(WatchEvent::Moved { from, to });
        }
    }

    /// Runs that ended between two looks leave word, too. Gives the transcripts that they may have written to.
    fn doubt_runs(&mut self) -> Vec<SessionKey> {
        let mut sessions = Vec::new();
        if let Err(error) = self
            .records
            .words
            .take(|folder, session| sessions.push((folder, session)))
        {
            // Those that were not shown lie there, and keep their sessions' files from being taken meanwhile.
            tracing::warn!("cannot see which sessions runs wrote to, and look again: {error}");
        }
        let mut doubted = Vec::new();
        for (folder, session) in sessions {
            let Ok(main) = SessionKey::main(folder, session) else {
                continue;
            };
            let of_session = self.streams.range_mut(main.clone()..);
            for (key, (stream, _)) in of_session.take_while(|(key, _)| key.to_main() == main) {
                stream.doubt();
                doubted.push(key.clone());
            }
        }
        doubted
    }

    /// Shows how it goes.
    fn show(&self) {
        let waiting = self.waiting.iter().take(NAMED).map(|(stream, cause)| Waiting {
            stream: stream.clone(),
            cause: cause.clone(),
        });
        let unreadable = self.unreadable.iter().take(NAMED).map(|(path, cause)| Unreadable {
            path: path.clone(),
            cause: cause.clone(),
        });
        let not_taken = self.tally.not_taken().clone();
        self.figures.send_modify(|figures| {
            figures.looks += 1;
            figures.transcripts = self.streams.len() as u64;
            figures.entries = self.tally.entries.load(Ordering::Relaxed);
            figures.waits = self.waiting.len() as u64;
            figures.waiting = waiting.collect();
            figures.unreadable = self.unreadable.len() as u64;
            figures.unreadable_paths = unreadable.collect();
            figures.links = self.links.len() as u64;
            figures.link_paths = self.links.iter().take(NAMED).cloned().collect();
            figures.odd = self.tally.odd.load(Ordering::Relaxed);
            (figures.not_taken, figures.not_taken_lines) = not_taken;
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

impl Extent {
    fn covers(&self, path: &Path) -> bool {
        match self {
            Self::All => true,
            Self::Of { folders, files } => {
                files.contains(path) || folders.iter().any(|folder| path.starts_with(folder))
            }
        }
    }
}

/// Takes up what runs left that were killed, beside everything else. An agent that outlived its run is not waited for.
async fn pick_up_leftovers(host: &Host, state: PathBuf, tally: Arc<Tally>) {
    loop {
        sleep(LEFTOVERS).await;
        let state = state.clone();
        match blocking(move || Leftovers::look_for_ended(&state)).await {
            Ok(left) if left.is_empty() => {}
            Ok(left) => {
                // It is in the log.
                let on_event: OnEvent = Arc::new(|_| ());
                let picked_up = left.pick_up(host, &on_event).await;
                tally.entries.fetch_add(picked_up.entries, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!("cannot look at what runs left: {error}"),
        }
    }
}
