use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;

use bytes::Bytes;

use super::super::HostError;
use super::error::SessionStoreError;
use super::reading::StreamReading;
use super::{Answer, SessionStore};
use crate::block_on::block_on;
use crate::key::SessionKey;

/// So much is read at once, where there is so much: the next part is read while this one is used.
const PART: usize = 256 << 10;

type ReadingOn = Pin<Box<dyn Future<Output = Answer<ReadLines>> + Send + Sync>>;

/// The lines of a stream, read while they are taken. Dropped, it stops reading.
///
/// Memory: two parts of 256 KiB and a batch each, however long the stream is. A thread of the host's is used while a
/// part is read, and none while nobody takes it.
pub struct Loaded {
    lines: VecDeque<Bytes>,
    failed: Option<SessionStoreError>,
    /// The part behind those lines; none at the end.
    next: Option<ReadingOn>,
}

/// What was read at once.
struct ReadLines {
    lines: VecDeque<Bytes>,
    then: Then,
}

/// What comes behind a part.
enum Then {
    /// As much again, perhaps.
    More(Box<StreamReading>),
    Failed(SessionStoreError),
    Nothing,
}

impl Loaded {
    /// The next lines, each with its LF; none at the end, and behind an error. Under any executor.
    pub async fn next(&mut self) -> Option<Answer<Bytes>> {
        loop {
            if let Some(lines) = self.lines.pop_front() {
                return Some(Ok(lines));
            }
            if let Some(failed) = self.failed.take() {
                return Some(Err(failed));
            }
            let part = self.next.as_mut()?.await;
            self.next = None;
            match part {
                Ok(part) => self.take(part),
                Err(failed) => return Some(Err(failed)),
            }
        }
    }

    /// [`Loaded::next`] for callers without async.
    pub fn next_blocking(&mut self) -> Option<Answer<Bytes>> {
        block_on(self.next())
    }

    fn of(part: ReadLines) -> Self {
        let mut loaded = Self {
            lines: VecDeque::new(),
            failed: None,
            next: None,
        };
        loaded.take(part);
        loaded
    }

    /// These come next, and what is behind them is read meanwhile.
    fn take(&mut self, part: ReadLines) {
        self.lines = part.lines;
        match part.then {
            Then::More(reading) => self.next = Some(Box::pin(reading.store().clone().part(reading))),
            Then::Failed(failed) => self.failed = Some(failed),
            Then::Nothing => {}
        }
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").finish_non_exhaustive()
    }
}

impl SessionStore {
    /// The lines of a stream, in the order of a destination's log and then of the spools; `None` where it was never
    /// written, or was deleted.
    pub fn load(&self, key: &SessionKey) -> impl Future<Output = Answer<Option<Loaded>>> + Send + use<> {
        let key = key.clone();
        let read = self.reading(async move |this| this.read_on(StreamReading::new(this.clone(), key).await?).await);
        async move {
            let loaded = Loaded::of(read.await?);
            match loaded {
                Loaded {
                    failed: Some(failed),
                    lines,
                    ..
                } if lines.is_empty() => Err(failed),
                loaded => Ok((!loaded.lines.is_empty()).then_some(loaded)),
            }
        }
    }

    /// [`SessionStore::load`] for callers without async.
    pub fn load_blocking(&self, key: &SessionKey) -> Answer<Option<Loaded>> {
        block_on(self.load(key))
    }

    fn part(&self, reading: Box<StreamReading>) -> impl Future<Output = Answer<ReadLines>> + Send + use<> {
        self.reading(async move |this| this.read_on(*reading).await)
    }

    /// Reads for as long as the host lives: its end does not wait for callers who may never take the rest.
    fn reading<F>(&self, read: F) -> impl Future<Output = Answer<ReadLines>> + Send + use<F>
    where
        F: AsyncFnOnce(&Self) -> Answer<ReadLines> + Send + 'static,
    {
        self.work(async move |this| {
            let ending = this.core.background.ending();
            tokio::select! {
                biased;
                () = ending => Err(HostError::Closed.into()),
                part = read(&this) => part,
            }
        })
    }

    /// Reads the next part.
    async fn read_on(&self, mut reading: StreamReading) -> Answer<ReadLines> {
        let (mut lines, mut bytes) = (VecDeque::new(), 0);
        let then = loop {
            match reading.next().await {
                Ok(Some(next)) => {
                    bytes += next.len();
                    lines.push_back(next);
                    if bytes >= PART {
                        break Then::More(Box::new(reading));
                    }
                }
                Ok(None) => {
                    self.note_end(&reading);
                    break Then::Nothing;
                }
                Err(failed) => break Then::Failed(failed),
            }
        };
        Ok(ReadLines { lines, then })
    }

    /// What this process appends from now on comes behind what was read.
    fn note_end(&self, reading: &StreamReading) {
        let key = reading.key();
        if let Some(base) = reading.base().filter(|_| self.core.spool.stream(key).is_none()) {
            self.read.lock().insert(key.clone(), base);
        }
    }
}
