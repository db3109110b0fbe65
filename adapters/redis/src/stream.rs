//! One transcript: appending, reading, ending.

use mirrorbox_adapter::{Batch, Error, Kind, Position, Result, SessionKey, Summary};
use redis::{Value, from_redis_value};

use crate::Redis;
use crate::answer::{self, Entry, unexpected};
use crate::layout::StreamNames;

const APPEND: &str = include_str!("scripts/append.lua");
const LOAD: &str = include_str!("scripts/load.lua");
const PIECE: &str = include_str!("scripts/piece.lua");

/// Keeps a page of tiny batches, and the time that the server spends on it, within bounds.
const PAGE: &str = "4096";

/// What one answer may hold of one payload: the parser keeps an answer several times.
const PIECE_BYTES: usize = 16 << 20;

/// What the script decided.
enum Decision {
    Stored,
    Conflict,
    /// The session must be indexed first.
    Index,
}

impl Redis {
    pub(crate) fn append_batch(&mut self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<()> {
        let indexed = match key.subpath {
            None if batch.kind != Kind::Tombstone => self.index(key, batch.number)?,
            _ => 0,
        };
        let decision = match self.try_append(key, batch, summary, indexed)? {
            Decision::Index => {
                self.indexed.remove(key);
                let indexed = self.index(key, batch.number)?;
                self.try_append(key, batch, summary, indexed)?
            }
            decision => decision,
        };
        match decision {
            Decision::Stored => Ok(()),
            Decision::Conflict => Err(Error::Conflict),
            Decision::Index => Err(Error::Unavailable("the session is being deleted; try again".into())),
        }
    }

    fn try_append(
        &mut self,
        key: &SessionKey,
        batch: &Batch,
        summary: Option<&Summary>,
        indexed: u64,
    ) -> Result<Decision> {
        let StreamNames { log, state, subpaths } = self.names.stream(key);
        let previous = batch.number.saturating_sub(1);
        let [number, previous, line, indexed] = [batch.number, previous, batch.line, indexed].map(|n| n.to_string());
        let through = summary.map_or(String::new(), |summary| summary.through.to_string());
        let texts: [&str; 10] = [
            &number,
            &previous,
            batch.kind.name(),
            &batch.writer,
            &line,
            &batch.digest,
            &indexed,
            key.subpath.as_deref().unwrap_or_default(),
            &through,
            summary.map_or("", |summary| &summary.json),
        ];
        let mut arguments: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        arguments.push(&batch.payload);
        let answer = self.server.script(APPEND, &[&log, &state, &subpaths], &arguments)?;
        match from_redis_value::<String>(answer).map_err(unexpected)?.as_str() {
            "stored" => Ok(Decision::Stored),
            "conflict" => Ok(Decision::Conflict),
            "index" => Ok(Decision::Index),
            other => Err(unexpected(other)),
        }
    }

    pub(crate) fn load_page(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let StreamNames { log, state, .. } = self.names.stream(key);
        let (from, bytes, piece) = (after.to_string(), max_bytes.to_string(), PIECE_BYTES.to_string());
        let arguments = [from.as_bytes(), bytes.as_bytes(), PAGE.as_bytes(), piece.as_bytes()];
        let answer = self.server.script(LOAD, &[&log, &state], &arguments)?;
        let (last, tombstone, entries): (String, String, Vec<Value>) = from_redis_value(answer).map_err(unexpected)?;
        let (last, tombstone) = (answer::number(Some(last))?, answer::number(Some(tombstone))?);
        if after >= last {
            return Ok(Vec::new());
        }
        let first = (after + 1).max(tombstone);
        if entries.is_empty() {
            return Err(Error::corrupt(first, last, "missing, although they were stored"));
        }
        self.read_page(&log, entries, first, last)
    }

    /// Reads entries whose numbers must be `first`, `first` + 1 and so on.
    fn read_page(&mut self, log: &str, entries: Vec<Value>, first: u64, last: u64) -> Result<Vec<Batch>> {
        let mut page = Vec::with_capacity(entries.len());
        for (entry, expected) in entries.into_iter().zip(first..=last) {
            let batch = answer::entry(entry, expected).and_then(|entry| self.complete(log, entry));
            match batch {
                Ok(batch) => page.push(batch),
                // What was read is good; the next page tells what is not.
                Err(_) if !page.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// Fetches a payload that was too large for one answer.
    fn complete(&mut self, log: &str, entry: Entry) -> Result<Batch> {
        let Entry { mut batch, left_out } = entry;
        let size = left_out.unwrap_or(0);
        batch.payload.reserve_exact(size);
        let (number, piece) = (batch.number.to_string(), PIECE_BYTES.to_string());
        while batch.payload.len() < size {
            let from = (batch.payload.len() + 1).to_string();
            let arguments = [number.as_bytes(), from.as_bytes(), piece.as_bytes()];
            match self.server.script(PIECE, &[log], &arguments)? {
                Value::BulkString(bytes) if !bytes.is_empty() => batch.payload.extend_from_slice(&bytes),
                // The next call begins at the tombstone.
                Value::Nil => {
                    return Err(Error::Unavailable(
                        "the transcript was deleted while it was read".into(),
                    ));
                }
                _ => return Err(unexpected("a piece of a payload is not one")),
            }
        }
        Ok(batch)
    }

    pub(crate) fn last_position(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        let state = self.names.stream(key).state;
        let stored = self
            .server
            .call(&state, &[b"HMGET", state.as_bytes(), b"last", b"digest"])?;
        let (last, digest): (Option<String>, Option<String>) = from_redis_value(stored).map_err(unexpected)?;
        Ok(match (answer::number(last)?, digest) {
            (0, _) | (_, None) => None,
            (number, Some(digest)) => Some(Position { number, digest }),
        })
    }

    /// Removes what a stored tombstone hides. Batches go in one step, and a second call finds nothing to do.
    pub(crate) fn remove_before(&mut self, key: &SessionKey, tombstone: u64) -> Result<()> {
        let log = self.names.stream(key).log;
        let id = tombstone.to_string();
        self.server
            .call(&log, &[b"XTRIM", log.as_bytes(), b"MINID", b"=", id.as_bytes()])?;
        match key.subpath {
            None => self.unindex(key, tombstone),
            Some(_) => Ok(()),
        }
    }
}
