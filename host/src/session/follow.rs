//! Follows a stored stream: its entries as they arrive, its deletes, and the outages of its destination.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::retry::retrying;
use super::stored::PayloadLines;
use super::{SessionError, compare::without_lf};
use crate::backoff::{self, Backoff};
use crate::key::SessionKey;
use crate::store::{LoadError, Position, Reader, Store, StoreError};

/// How long it is waited for more, first and at the most: twice as long each time, until there is more.
const FIRST: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    backoff::FIRST
};
const LONGEST: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 3 });

/// A stored stream as it grows: what others append shows as soon as their destination has it.
///
/// Made by [`follow`]. Memory: a page of batches.
#[derive(Debug)]
pub struct Follow {
    store: Arc<dyn Store>,
    key: SessionKey,
    /// The last batch that was taken in.
    position: Option<Position>,
    /// Where there is more to read.
    reader: Option<Reader>,
    lines: PayloadLines,
    news: VecDeque<News>,
    backoff: Backoff,
    is_away: bool,
}

/// Something that happened to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// There is one more entry: its line without LF, as it was written.
    Entry(Bytes),
    /// It was deleted. What comes now begins it anew.
    Deleted,
    /// The destination does not answer. It is asked again for as long as the caller waits.
    Away {
        /// What it said.
        cause: StoreError,
    },
    /// The destination answers again.
    Back,
}

/// Follows a stream from its last batch on, which comes first.
pub async fn follow(store: Arc<dyn Store>, key: &SessionKey) -> Result<Follow, SessionError> {
    let position = before_last(&*store, key)
        .await
        .map_err(SessionError::store("find the end"))?;
    Ok(Follow {
        store,
        key: key.clone(),
        position,
        reader: None,
        lines: PayloadLines::default(),
        news: VecDeque::new(),
        backoff: Backoff::new(FIRST, LONGEST),
        is_away: false,
    })
}

/// The batch before the last; none where the last is the first that can be read.
async fn before_last(store: &dyn Store, key: &SessionKey) -> Result<Option<Position>, StoreError> {
    let end = retrying(async || store.end(key).await).await?;
    let Some(after) = end.and_then(|end| end.number.checked_sub(2)) else {
        return Ok(None);
    };
    let last = retrying(async || store.load(key, after, 1).await).await?;
    let before = last.first().filter(|batch| batch.number == after + 1);
    Ok(before.map(|batch| batch.position()))
}

impl Follow {
    /// What happens next. Waits for it, for as long as it takes; dropped, it loses nothing. An error is damage, or a
    /// destination that will not answer until a person mends the cause.
    pub async fn next(&mut self) -> Result<News, LoadError> {
        loop {
            if let Some(news) = self.at_hand() {
                return Ok(news);
            }
            match self.take_in().await {
                Ok(is_more) => self.heard(is_more),
                Err(error) => self.failed(error)?,
            }
            // What was read before is reported before the pause.
            if self.news.is_empty() && self.lines.is_empty() {
                tokio::time::sleep(self.backoff.fail()).await;
            }
        }
    }

    fn at_hand(&mut self) -> Option<News> {
        if let Some(news) = self.news.pop_front() {
            return Some(news);
        }
        let line = self.lines.next()?;
        Some(News::Entry(line.slice_ref(without_lf(&line))))
    }

    fn heard(&mut self, is_more: bool) {
        if is_more {
            self.backoff.succeed();
        }
        if std::mem::take(&mut self.is_away) {
            self.news.push_back(News::Back);
        }
    }

    fn failed(&mut self, error: LoadError) -> Result<(), LoadError> {
        self.reader = None;
        match error {
            LoadError::Store { source, .. } if source.can_retry() => {
                if !std::mem::replace(&mut self.is_away, true) {
                    self.news.push_back(News::Away { cause: source });
                }
            }
            LoadError::Deleted { .. } => {
                self.position = None;
                self.news.push_back(News::Deleted);
            }
            error => return Err(error),
        }
        Ok(())
    }

    /// Takes in the next batch; returns false at the end.
    async fn take_in(&mut self) -> Result<bool, LoadError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            _ if self.position == end(&*self.store, &self.key, self.position).await? => return Ok(false),
            none => none.insert(match self.position {
                None => Reader::new(self.store.clone(), self.key.clone()),
                Some(position) => Reader::after(self.store.clone(), self.key.clone(), position),
            }),
        };
        let Some(batch) = reader.next().await? else {
            self.reader = None;
            return Ok(false);
        };
        self.position = Some(batch.position());
        self.lines = PayloadLines::new(batch.payload);
        Ok(true)
    }
}

/// Where the stream ends now. An end before what was seen is a hole.
async fn end(store: &dyn Store, key: &SessionKey, seen: Option<Position>) -> Result<Option<Position>, LoadError> {
    let end = store.end(key).await.map_err(|source| LoadError::Store {
        key: key.clone(),
        source,
    })?;
    let (last, seen) = (end.map_or(0, |end| end.number), seen.map_or(0, |seen| seen.number));
    match last < seen {
        true => Err(LoadError::Missing {
            key: key.clone(),
            first: last + 1,
            last: seen,
        }),
        false => Ok(end),
    }
}

#[cfg(test)]
mod tests;
