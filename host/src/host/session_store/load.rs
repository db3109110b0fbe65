use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::HostError;
use super::reading::StreamReading;
use super::{Answer, SessionStore};
use crate::block_on::block_on;
use crate::key::SessionKey;

/// How many pieces are read ahead.
const AHEAD: usize = 2;

/// The lines of a stream, read while they are taken. Dropped, it stops reading.
///
/// Memory: a few batches, however long the stream is.
#[derive(Debug)]
pub struct Loaded {
    first: Option<Bytes>,
    /// A channel that closes without the end was cut off.
    from: mpsc::Receiver<Answer<Option<Bytes>>>,
    is_over: bool,
}

impl Loaded {
    /// The next lines, each with its LF; none at the end, and behind an error. Under any executor.
    pub async fn next(&mut self) -> Option<Answer<Bytes>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.is_over {
            return None;
        }
        let next = match self.from.recv().await {
            Some(next) => next.transpose(),
            None => Some(Err(HostError::Closed.into())),
        };
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }

    /// [`Loaded::next`] for callers without async.
    pub fn next_blocking(&mut self) -> Option<Answer<Bytes>> {
        block_on(self.next())
    }
}

impl SessionStore {
    /// The lines of a stream, in the order of a destination's log and then of the spools; `None` where it was never
    /// written, or was deleted.
    pub fn load(&self, key: &SessionKey) -> impl Future<Output = Answer<Option<Loaded>>> + Send + use<> {
        let (to, from) = mpsc::channel(AHEAD);
        let key = key.clone();
        let read = self.work(async move |this| {
            let ending = this.core.background.ending();
            tokio::select! {
                biased;
                // The caller may never take the rest, and the end of the host does not wait for that.
                () = ending => {}
                () = this.read(key, to) => {}
            }
            Ok(())
        });
        drop(read);
        async move {
            let mut loaded = Loaded {
                first: None,
                from,
                is_over: false,
            };
            loaded.first = loaded.next().await.transpose()?;
            Ok(loaded.first.is_some().then_some(loaded))
        }
    }

    /// [`SessionStore::load`] for callers without async.
    pub fn load_blocking(&self, key: &SessionKey) -> Answer<Option<Loaded>> {
        block_on(self.load(key))
    }

    /// Reads a stream for as long as its lines are taken.
    async fn read(self, key: SessionKey, to: mpsc::Sender<Answer<Option<Bytes>>>) {
        let mut reading = match StreamReading::new(self.clone(), key.clone()).await {
            Ok(reading) => reading,
            Err(error) => return drop(to.send(Err(error)).await),
        };
        // The place first: nothing is read that nobody waits for.
        while let Ok(place) = to.reserve().await {
            let next = reading.next().await;
            let is_over = !matches!(next, Ok(Some(_)));
            if matches!(next, Ok(None)) {
                self.note_end(key.clone(), &reading);
            }
            place.send(next);
            if is_over {
                return;
            }
        }
    }

    /// What this process appends from now on comes behind what was read.
    fn note_end(&self, key: SessionKey, reading: &StreamReading) {
        if let Some(base) = reading.base().filter(|_| self.core.spool.stream(&key).is_none()) {
            self.read.lock().insert(key, base);
        }
    }
}
