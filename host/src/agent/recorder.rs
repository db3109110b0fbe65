//! Brings what the agent writes into the spool: from its frames, and where these fail, from its files.

mod found;
mod history;
mod rest;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::event::{AgentEvent, OnEvent, Tally};
use super::spooled::Spooled;
use super::trail::Trail;
use crate::agent_format::printed::frame::{self, Frame};
use crate::host::{AppendFailed, Host};
use crate::key::SessionKey;
use crate::spool::{AppendError, Base};

/// The one who knows what of a run is in the spool.
pub(super) struct Recorder<'a> {
    host: &'a Host,
    trail: Trail,
    /// What destinations hold of streams that have not begun here.
    bases: HashMap<SessionKey, Base>,
    copies: HashMap<SessionKey, Copy>,
    tally: Tally,
    on_event: OnEvent,
    /// There are no frames: the files are where everything comes from.
    follows: bool,
    /// The run was killed: its files are taken as they are found.
    is_picked_up: bool,
    /// What of the agent's files cannot be taken, and why: as it was told.
    unread: BTreeMap<PathBuf, String>,
    /// Lines that are too long to be taken, and files whose earlier lines could not be read: passed over for good.
    passed_over: u64,
    /// Why something is not on local disk yet, if it is not.
    trouble: Option<String>,
    /// What the trail was to be told could not be written down, as was told.
    cannot_note: bool,
}

/// What is known of one transcript.
#[derive(Debug, Default)]
struct Copy {
    /// Entries that are in the spool and that were not met in the agent's file yet.
    spooled: Spooled,
    /// Entries that were taken from the file before their frames came.
    ahead: Spooled,
    /// How far the file was read; none where it was not.
    read_to: Option<u64>,
    /// The bytes behind that place that are no complete line.
    torn: u64,
    /// Entries of the file before that place that the spool has not taken yet.
    waiting: Vec<Vec<u8>>,
    /// The spool lacks entries that the file has: it decides from here on.
    is_behind: bool,
    /// What the file held when the run began is on its way, or needs no one to bring it.
    is_begun: bool,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(host: &'a Host, trail: Trail, on_event: OnEvent) -> Self {
        Self {
            host,
            trail,
            bases: HashMap::new(),
            copies: HashMap::new(),
            tally: Tally::default(),
            on_event,
            follows: false,
            is_picked_up: false,
            unread: BTreeMap::new(),
            passed_over: 0,
            trouble: None,
            cannot_note: false,
        }
    }

    /// Expects no frames.
    pub(super) fn expect_files_only(&mut self) {
        self.follows = true;
    }

    /// Lets streams begin behind what destinations hold of them.
    pub(super) fn begin_behind(&mut self, bases: impl IntoIterator<Item = (SessionKey, Base)>) {
        self.bases.extend(bases);
    }

    /// Lets it know what is in spools already.
    pub(super) fn know(&mut self, spooled: HashMap<SessionKey, Spooled>) {
        for (key, spooled) in spooled {
            self.copies.entry(key).or_default().spooled = spooled;
        }
    }

    pub(super) fn trail(&mut self) -> &mut Trail {
        &mut self.trail
    }

    /// The agent was told to keep nothing of its session.
    pub(super) fn is_not_kept(&mut self, by: &str) {
        self.tally.is_not_kept = true;
        self.tell(AgentEvent::NotKept { by: by.to_owned() });
    }

    /// Tells what could not be looked at when the run began. What is not of the agent's own project is no loss of its.
    pub(super) fn could_not_look(&mut self, unread: Vec<(PathBuf, std::io::Error)>) {
        let place = self.trail.place();
        let own = place.projects.join(&place.folder);
        for (path, error) in unread {
            if path.starts_with(&own) || own.starts_with(&path) {
                self.unreadable(&path, &error);
            } else {
                self.tell(AgentEvent::Unreadable {
                    file: path.display().to_string(),
                    cause: error.to_string(),
                });
            }
        }
    }

    /// Takes a frame: its entries are in the spool when this returns, unless the disk refused them.
    pub(super) async fn take(&mut self, frame: &[u8]) {
        let Some(Frame { file, entries }) = frame::parse(frame) else {
            return self.malformed(frame);
        };
        let key = match self.trail.place().key_of(Path::new(&*file)) {
            Ok(key) => key,
            Err(error) => {
                self.tally.unmappable += 1;
                return self.tell(AgentEvent::Unmappable {
                    file: file.into_owned(),
                    reason: error.to_string(),
                });
            }
        };
        self.tally.frames += 1;
        self.note(&key, true);
        if self.copies.entry(key.clone()).or_default().is_behind {
            let folder = self.trail.place().folder_of(&key).to_owned();
            self.catch_up(&folder, key.session_id()).await;
        }
        let copy = self.copies.entry(key.clone()).or_default();
        let mut new = entries;
        new.retain(|entry| !copy.ahead.take(entry.as_bytes()));
        if copy.is_behind {
            return;
        }
        match self.append(&key, &new).await {
            Ok(()) => {
                let copy = self.copies.entry(key).or_default();
                new.iter().for_each(|entry| copy.spooled.add(entry.as_bytes()));
            }
            Err(error) => self.fell_behind(&key, &error),
        }
    }

    /// A frame that could not be read: the agent's files decide from here on.
    pub(super) fn malformed(&mut self, frame: &[u8]) {
        self.tally.malformed += 1;
        self.tell(AgentEvent::Malformed { bytes: frame.len() });
        // Of which file it was is noted where it can be made out; all others are looked at anyhow.
        let key = frame::file_of_torn(frame).and_then(|file| self.trail.place().key_of(Path::new(&file)).ok());
        if let Some(key) = key {
            self.note(&key, false);
            self.copies.entry(key).or_default();
        }
        self.copies.values_mut().for_each(|copy| copy.is_behind = true);
    }

    /// The session that runs, as its own messages name it.
    pub(super) fn names_session(&mut self, session: &str) {
        if let Ok(key) = SessionKey::main(&*self.trail.place().project, session) {
            self.note(&key, false);
        }
    }

    /// What waits for more is delivered.
    pub(super) fn turn_ended(&mut self) {
        self.tally.turns += 1;
        let sessions: BTreeSet<_> = self.copies.keys().map(SessionKey::to_main).collect();
        for session in sessions {
            self.host.transcript(session).turn_ended();
        }
    }

    /// Takes from the agent's files what they have beyond the spool. Whether all of it is in the spool now.
    pub(super) async fn catch_up_all(&mut self) -> bool {
        let mut is_whole = true;
        for (folder, session) in self.trail.sessions() {
            is_whole &= self.catch_up(&folder, &session).await;
        }
        is_whole
    }

    /// Ends the run's trail, once everything is spooled.
    pub(super) async fn finish(mut self) -> Tally {
        let is_whole = self.catch_up_all().await;
        self.end(is_whole).await
    }

    async fn end(mut self, is_whole: bool) -> Tally {
        self.tell_what_is_torn();
        let Self {
            mut trail,
            mut tally,
            on_event,
            unread,
            passed_over,
            trouble,
            ..
        } = self;
        tally.unread = unread.len() as u64 + passed_over;
        let dir = trail.dir().display().to_string();
        let left = if is_whole {
            trail.remove().await.map_err(|error| error.to_string())
        } else {
            let trouble = trouble.unwrap_or_else(|| "its files could not be read".to_owned());
            let cause = format!("not everything in it could be brought to local disk: {trouble}");
            Err(match trail.set_cause(&cause) {
                Ok(()) => cause,
                Err(error) => format!("{cause}; and that cannot be written down: {error}"),
            })
        };
        if let Err(cause) = left {
            tally.left = 1;
            tell(&on_event, &AgentEvent::Left { dir, cause });
        }
        tally
    }

    /// An agent that was killed may leave half a line.
    fn tell_what_is_torn(&mut self) {
        let torn = self.copies.iter().filter(|(_, copy)| copy.torn > 0);
        let torn: Vec<_> = torn.map(|(key, copy)| (key.clone(), copy.torn)).collect();
        for (key, bytes) in torn {
            let folder = self.trail.place().folder_of(&key).to_owned();
            let Ok(file) = key.in_project(&folder).file() else {
                continue;
            };
            let file = self.trail.place().projects.join(file);
            let cause = format!(
                "its last line is not complete ({bytes} bytes); once it is, `mirrorbox import` or `mirrorbox watch` \
                 takes it"
            );
            self.unreadable(&file, &cause);
        }
    }

    async fn append<E: AsRef<[u8]> + Sync>(&mut self, key: &SessionKey, entries: &[E]) -> Result<(), AppendFailed> {
        if entries.is_empty() {
            return Ok(());
        }
        let transcript = self.host.transcript(key.clone());
        if let Some(base) = self.bases.get(key) {
            match transcript.begin(base.clone()).await {
                // It has where rows of an earlier run were picked up, which come before these.
                Ok(()) | Err(AppendError::Begun { .. }) => {
                    self.copies.entry(key.clone()).or_default().is_begun = true;
                    self.bases.remove(key);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.bring_history(key).await?;
        // As they are: what is no entry stands in the file, too, and costs nothing of what stands beside it.
        transcript.append_lines(entries).await?;
        self.tally.entries += entries.len() as u64;
        Ok(())
    }

    fn note(&mut self, key: &SessionKey, is_spooled: bool) {
        let folder = self.trail.place().folder_of(key).to_owned();
        let noted = self.trail.note(&folder, key.session_id(), is_spooled);
        let could_not = std::mem::replace(&mut self.cannot_note, noted.is_err());
        if let Err(error) = noted
            && !could_not
        {
            self.tell(AgentEvent::Left {
                dir: self.trail.dir().display().to_string(),
                cause: format!("cannot write down that {key} is being written: {error}"),
            });
        }
    }

    /// Tells it once, until the file has been taken to its end again.
    fn fell_behind(&mut self, key: &SessionKey, cause: &AppendFailed) {
        let copy = self.copies.entry(key.clone()).or_default();
        let was_behind = std::mem::replace(&mut copy.is_behind, true);
        self.trouble = Some(format!("{key}: {cause}"));
        if !was_behind {
            self.tell(AgentEvent::Behind {
                key: key.clone(),
                cause: cause.to_string(),
            });
        }
    }

    /// Tells that something cannot be read, and why: each cause once, however often it is tried.
    fn unreadable(&mut self, file: &Path, cause: &dyn std::fmt::Display) {
        let cause = cause.to_string();
        if self.unread.get(file) == Some(&cause) {
            return;
        }
        self.unread.insert(file.to_owned(), cause.clone());
        self.tell(AgentEvent::Unreadable {
            file: file.display().to_string(),
            cause,
        });
    }

    fn tell(&self, event: AgentEvent) {
        tell(&self.on_event, &event);
    }
}

fn tell(on_event: &OnEvent, event: &AgentEvent) {
    tracing::warn!("{event}");
    on_event(event);
}
