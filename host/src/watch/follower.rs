//! The loop of `watch`: which transcripts are to be looked at, and when.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
use super::files::{self, Files, Scan, Stamps};
use super::look::{Look, ROOM, Tally, tell};
use super::mark::{Inode, Mark};
use super::records::{Record, Records};
use super::runs::Runs;
use super::stream::Stream;
use super::{Claimed, Watch, leftovers};
use crate::follow::complete_lines;
use crate::host::Host;
use crate::key::SessionKey;
use crate::session::blocking;

/// What changes within this time is looked at together.
const TOGETHER: Duration = Duration::from_millis(30);

/// How often everything is looked at, whatever the system tells,
const EVERY: Duration = Duration::from_secs(3);
/// and what part of the time that may take: where the system tells of changes, it is there for those that it misses,
const SHARE: u32 = 100;
/// and where it does not, it is all that there is.
const SHARE_BY_CLOCK: u32 = 4;

/// When a folder that changed is looked at once more.
const SOON: Duration = Duration::from_secs(1);

/// After how many transcripts it is looked at what changed meanwhile: a hundred thousand that are met for the first
/// time take many minutes, and what agents write in that time is to be on local disk within two seconds.
const BETWEEN: usize = 64;

/// How many projects' folders are looked through at a time.
const FOLDERS: usize = 8;

/// How many transcripts are worked on side by side.
const SIDE_BY_SIDE: usize = 4;

/// Follows a projects directory.
pub(super) struct Follower<'a> {
    host: &'a Host,
    watch: Watch,
    records: Records,
    runs: Runs,
    changes: Changes,
    /// By key. Boxed, for a map has room to spare, and this one is large.
    streams: BTreeMap<SessionKey, Box<Stream>>,
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

/// Of which part of the directory a scan tells: of all in these folders, and of these files.
#[derive(Debug, Default)]
struct Extent {
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

/// Transcripts that came and went during a look, by what file it was: one that did both was moved.
#[derive(Debug, Default)]
struct Moves {
    came: HashMap<Inode, SessionKey>,
    went: Vec<(Option<Inode>, SessionKey)>,
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
        let picking_up = leftovers::pick_up(self.host, self.watch.state.clone(), self.tally.clone());
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
        let (begun, is_first) = (Instant::now(), self.streams.is_empty());
        self.scan_all().await;
        self.runs.tidy();
        self.doubt_runs();
        let due: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.is_due(is_last))
            .map(|(key, _)| key.clone())
            .collect();
        // Up to here it takes as long where nothing is new; the first look also reads what is remembered of each.
        let pause = match (is_first, self.changes.are_told()) {
            (true, _) => EVERY,
            (false, true) => begun.elapsed() * SHARE,
            (false, false) => begun.elapsed() * SHARE_BY_CLOCK,
        };
        let pause = pause.max(EVERY);
        if due.is_empty() {
            // What cannot be looked at may be all there is to say.
            self.show();
        }
        for some in due.chunks(BETWEEN) {
            // Some of them were looked at meanwhile.
            let is_due = |key: &&SessionKey| self.streams.get(*key).is_some_and(|stream| stream.is_due(is_last));
            let some = some.iter().filter(is_due).cloned().collect();
            self.look(is_last, some).await;
            if !is_last {
                self.look_between().await;
            }
        }
        pause
    }

    /// Finds out what there is, some folders after the other: a list of everything would be large.
    async fn scan_all(&mut self) {
        let projects = self.watch.projects.clone();
        let (mut top, folders) = blocking(move || Scan::top(&projects)).await;
        self.again.clear();
        let mut moves = Moves::default();
        let gone = self.folders_but(&folders);
        let mut extent = Extent::default();
        extent.files.insert(self.watch.projects.clone());
        extent.folders.extend(gone);
        for some in std::iter::once(&[][..]).chain(folders.chunks(FOLDERS)) {
            let (projects, some) = (self.watch.projects.clone(), some.to_vec());
            extent.folders.extend(some.iter().cloned());
            let mut scan = std::mem::take(&mut top);
            let scan = blocking(move || {
                some.iter().for_each(|folder| scan.folder(&projects, folder));
                scan
            });
            let scan = scan.await;
            self.take_in(scan, &std::mem::take(&mut extent), &mut moves);
        }
        self.tell_of_moves(moves);
        if self.records.is_first
            && let Err(error) = self.records.has_begun()
        {
            tracing::warn!("that files are followed from now on cannot be written down: {error}");
        }
    }

    /// Projects' folders of which something is known, and that are not among these.
    fn folders_but(&self, folders: &[PathBuf]) -> BTreeSet<PathBuf> {
        let there: HashSet<&Path> = folders.iter().map(PathBuf::as_path).collect();
        let problems = self.unreadable.keys().chain(&self.links);
        let within = problems.filter_map(|path| path.strip_prefix(&self.watch.projects).ok()?.iter().next());
        let mut others: BTreeSet<_> = within.map(|folder| self.watch.projects.join(folder)).collect();
        let mut last = None;
        for project in self.streams.keys().map(SessionKey::project_key) {
            if last.replace(project) != Some(project) {
                others.insert(self.watch.projects.join(project));
            }
        }
        others.retain(|folder| !there.contains(folder.as_path()));
        others
    }

    /// Looks at what changed since everything was listed. Where that may be anything, the next look at everything finds
    /// it.
    async fn look_between(&mut self) {
        let dirty = self.changes.take();
        match dirty.all {
            true => self.changes.are_all(),
            false if dirty.files.is_empty() && dirty.folders.is_empty() => {}
            false => self.look_at_some(dirty).await,
        }
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
            (scan, Extent { folders, files })
        })
        .await;
        let mut due: BTreeSet<_> = scan.found.keys().cloned().collect();
        let mut moves = Moves::default();
        self.take_in(scan, &extent, &mut moves);
        self.tell_of_moves(moves);
        due.extend(self.doubt_runs());
        due.extend(self.waiting.keys().cloned());
        let is_due = |key: &SessionKey| self.streams.get(key).is_some_and(|stream| stream.is_due(false));
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
        let looks = taken.into_iter().map(|mut stream| {
            let look = &look;
            async move {
                stream.look(look).await;
                stream
            }
        });
        let looked: Vec<_> = streams::iter(looks).buffer_unordered(SIDE_BY_SIDE).collect().await;
        for stream in looked {
            let key = stream.key().clone();
            match stream.waits() {
                Some(wait) => drop(self.waiting.insert(key.clone(), wait.clone())),
                None => drop(self.waiting.remove(&key)),
            }
            self.streams.insert(key, stream);
        }
        self.show();
    }

    /// Streams come and go with their files.
    fn take_in(&mut self, scan: Scan, extent: &Extent, moves: &mut Moves) {
        let Scan {
            found,
            unreadable,
            links,
        } = scan;
        self.take_in_problems(unreadable, links, extent);
        self.remove_gone(&found, extent, moves);
        for (key, now) in found {
            match self.streams.get_mut(&key) {
                Some(stream) => stream.found(now),
                None => {
                    if let Some(stamp) = now.transcript {
                        moves.came.insert(stamp.file, key.clone());
                    }
                    self.add(key, now);
                }
            }
        }
    }

    fn tell_of_moves(&self, moves: Moves) {
        let Moves { mut came, went } = moves;
        for (file, key) in went {
            self.tell(match file.and_then(|file| came.remove(&file)) {
                Some(to) => WatchEvent::Moved { from: key, to },
                None => WatchEvent::Gone { key },
            });
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
    fn remove_gone(&mut self, found: &BTreeMap<SessionKey, Stamps>, extent: &Extent, moves: &mut Moves) {
        let keys = extent.folders.iter().flat_map(|folder| self.keys_in(folder));
        let candidates: Vec<_> = keys.filter(|key| !found.contains_key(key)).collect();
        for key in candidates {
            let Some(stream) = self.streams.get(&key) else {
                continue;
            };
            let is_below = |path: &PathBuf| files::are_below(&self.watch.projects, &key, path);
            if self.unreadable.keys().any(is_below) {
                continue;
            }
            moves.went.push((stream.file(), key.clone()));
            self.streams.remove(&key);
            self.waiting.remove(&key);
        }
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

    fn add(&mut self, key: SessionKey, now: Stamps) {
        let mut record = self.records.load(&key);
        if self.records.is_first && self.watch.from_now {
            let at_end = self.begin_at_end(&key, now);
            record = at_end.map_or(record, |record| Ok(Some(record)));
        }
        let mut stream = Stream::new(key.clone(), record);
        stream.found(now);
        self.streams.insert(key, Box::new(stream));
    }

    /// What is there at the very start is not wanted.
    fn begin_at_end(&self, key: &SessionKey, now: Stamps) -> Option<Record> {
        let files = Files::of(&self.watch.projects, key, now);
        let end = files.transcript.map(|local| complete_lines(&local.path, u64::MAX));
        let kept = end.unwrap_or(Ok(0)).and_then(|end| {
            let record = Record::new(now, Mark::at(end));
            self.records.save_durably(key, &record)?;
            Ok(record)
        });
        kept.map_err(|error| tracing::warn!("{key} is followed from its beginning on: {error}"))
            .ok()
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
            for (key, stream) in of_session.take_while(|(key, _)| key.to_main() == main) {
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
        let (odd, not_taken) = (self.tally.odd().clone(), self.tally.not_taken().clone());
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
            (figures.odd, figures.odd_lines) = odd;
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
        self.files.contains(path) || self.folders.iter().any(|folder| path.starts_with(folder))
    }
}
