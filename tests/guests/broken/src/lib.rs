//! An adapter that breaks one rule of the contract at a time, as its setting `fault` says: for tests of what checks it.
//!
//! It stores as the fs adapter does, below `/data`; [`Fault`] says what is wrong with it.

mod copy;
mod crash;
mod fault;
mod listing;
mod notes;
mod storing;

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Error, Info, Kind, Page, Position, Result, Session, SessionKey, Settings, Summary,
};
use mirrorbox_adapter_fs::Fs;

pub use fault::Fault;
use notes::Notes;

/// Where everything is.
const ROOT: &str = "/data";

/// The adapter.
#[derive(Debug)]
pub struct Broken {
    fault: Fault,
    /// What is read.
    store: Fs,
    /// What is written first, by faults that then copy it.
    first: Fs,
    notes: Notes,
    /// What was answered and is not stored yet.
    waits: Option<(SessionKey, Batch)>,
}

impl Broken {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The key under which it stores.
    fn key(&self, key: &SessionKey) -> SessionKey {
        let mut key = key.clone();
        if self.is(Fault::FoldsSessions) {
            key.session_id = key.session_id.to_lowercase();
        }
        key
    }

    fn number(&mut self, key: &SessionKey) -> Result<u64> {
        Ok(self.store.end(key)?.map_or(0, |end| end.number))
    }

    /// The tombstone at which a log begins, if one is there.
    fn tombstone(&mut self, key: &SessionKey) -> Result<Option<u64>> {
        let first = self.store.load(key, 0, 1)?.into_iter().next();
        Ok(first
            .filter(|first| first.kind == Kind::Tombstone)
            .map(|first| first.number))
    }
}

impl Adapter for Broken {
    const INFO: Info = Info {
        name: "broken",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: true,
            compaction: true,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        let fault = settings.or("fault", Fault::default())?;
        settings.finish()?;
        let root = Path::new(ROOT);
        let folder = |name: &str| {
            let folder = root.join(name);
            let made = fs::create_dir_all(&folder).and_then(|()| fs::File::open(root)?.sync_all());
            made.map(|()| folder)
                .map_err(|error| Error::Unavailable(error.to_string()))
        };
        crash::COLLECTS.store(fault == Fault::Collects, Relaxed);
        Ok(Self {
            fault,
            store: Fs::at(folder("store")?)?,
            first: Fs::at(folder("first")?)?,
            notes: Notes::at(&folder("notes")?)?,
            waits: None,
        })
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        let key = self.key(key);
        self.append_broken(&key, batch, summary)
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let key = self.key(key);
        self.load_broken(&key, after, max_bytes)
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        let key = self.key(key);
        let end = self.store.end(&key)?;
        let is_lone = |end: &Position, tombstone: Option<u64>| tombstone == Some(end.number);
        let tombstone = self.tombstone(&key)?;
        Ok(end.filter(|end| !self.is(Fault::OverlooksTombstones) || !is_lone(end, tombstone)))
    }

    fn list_subkeys(&mut self, project: &str, session: &str, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        self.list_subkeys_broken(project, session, token, limit)
    }

    fn list_projects(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        let mut page = self.store.list_projects(token, limit)?;
        if self.is(Fault::DoublesProjects) {
            page.items.extend(page.items.clone());
        }
        Ok(page)
    }

    fn list_sessions(&mut self, project: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        self.list_sessions_broken(project, token, limit)
    }

    fn find_session(&mut self, project: &str, session: &str) -> Result<Option<Session>> {
        self.find_session_broken(project, session)
    }

    fn delete(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        let key = self.key(key);
        self.delete_broken(&key, tombstone)
    }

    fn compact(&mut self, _key: &SessionKey, _through: u64) -> Result<()> {
        match self.fault {
            Fault::Boasts => Err(Error::Unsupported),
            Fault::FailsToCompact => Err(Error::Other("there is nothing to compact".to_owned())),
            _ => Ok(()),
        }
    }
}

mirrorbox_adapter::export!(Broken);
