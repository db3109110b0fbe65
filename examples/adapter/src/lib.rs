//! A whole adapter: a folder for each transcript, a file for each batch.
//!
//! It can what every adapter must (append, load, end, list subkeys) and nothing more: no summaries, no listings of
//! sessions, no removal. Tombstones are kept as every adapter keeps them: they hide what is before them. This file
//! answers the calls; `log` is the backend.

mod log;

use std::path::PathBuf;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Error, Info, Page, Position, Result, SessionKey, Settings, Summary,
};

use log::Log;

/// An adapter whose manifest grants it a folder, which setting `root` names.
#[derive(Debug)]
pub struct Plain {
    root: PathBuf,
}

impl Adapter for Plain {
    const INFO: Info = Info {
        name: "plain",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities::NONE,
    };

    fn open(settings: &Settings) -> Result<Self> {
        let root = settings.required::<PathBuf>("root")?;
        // Refuses settings that nobody asked for, before anything is prepared.
        settings.finish()?;
        match root.is_dir() {
            true => Ok(Self { root }),
            // The host tries again when the manifest changes, not before.
            false => Err(Error::Misconfigured(format!(
                "`root` = {} is not a folder that the manifest grants",
                root.display()
            ))),
        }
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, _summary: Option<Summary>) -> Result<()> {
        let log = Log::of(&self.root, key);
        let (number, digest) = (batch.number, batch.digest.clone());
        let is_new = log.create(key, batch)?;
        // After the batch: of a tombstone and a batch that come at once, one sees the other.
        let is_hidden = log.tombstone()? > number;
        if is_new && is_hidden {
            log.take_back(number)?;
        }
        // A number is taken by this very batch if the reply to an earlier try was lost: then it is stored.
        match log.read(number)? {
            Some(stored) if stored.digest == digest && !is_hidden => Ok(()),
            _ => Err(Error::Conflict),
        }
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let log = Log::of(&self.root, key);
        let mut page = Vec::new();
        let mut bytes = 0;
        let first = after.saturating_add(1).max(log.tombstone()?);
        for number in first.. {
            let Some(batch) = log.read(number)? else { break };
            bytes += batch.payload.len() as u64;
            // At least one, however large it is.
            if bytes > max_bytes.into() && !page.is_empty() {
                break;
            }
            page.push(batch);
        }
        Ok(page)
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        let log = Log::of(&self.root, key);
        let last = match log.last()? {
            Some(number) => log.read(number)?,
            None => None,
        };
        Ok(last.map(|batch| batch.position()))
    }

    fn list_subkeys(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        let main = SessionKey::main(project_key, session_id);
        let mut subpaths = Log::of(&self.root, &main).subpaths()?;
        subpaths.sort();
        // A token is the last name of the page before: what is added meanwhile moves nothing.
        subpaths.retain(|subpath| token.is_none_or(|token| subpath.as_str() > token));
        let is_last = subpaths.len() <= limit as usize;
        subpaths.truncate(limit as usize);
        let next = subpaths.last().cloned().filter(|_| !is_last);
        Ok(Page { items: subpaths, next })
    }
}

mirrorbox_adapter::export!(Plain);

#[cfg(test)]
mod tests;
