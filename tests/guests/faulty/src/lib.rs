//! An adapter that fails on command: for tests of the host.
//!
//! The setting `open` names the fault of `open`; the setting `fault` that of every other call. Without `fault`, the
//! session id of the key names it, so that one instance can be told to fail now and to work then; an id that names no
//! fault works. [`Fault`] says what each one does.
//!
//! The setting `folder` names a granted folder. There it stores what it gets, and what goes wrong is ordered by a file
//! that may change at any time ([`Folder`]).
//!
//! Without that setting, a call that works stores nothing: `append` succeeds, `load` and listings are empty, `end`
//! tells the number of calls that this instance has had, `open` not included (`1` is a fresh instance).

mod fault;
mod folder;
mod hunger;
mod journal;
mod orders;
mod sandbox;

use std::path::PathBuf;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Info, Kind, Page, Position, Result, Session, SessionKey, Settings, Summary,
};

pub use fault::Fault;
pub use folder::Folder;

/// How large the payload of [`Fault::HundredMegabytes`] is.
const LARGE: usize = 100_000_000;
/// How many batches [`Fault::Many`] gives.
const MANY: u64 = 1_000_000;

/// The adapter.
#[derive(Debug)]
pub struct Faulty {
    fault: Option<Fault>,
    calls: u64,
    folder: Option<Folder>,
}

impl Faulty {
    /// Counts the call and commits the fault; what it was, if it lets the call go on.
    fn call(&mut self, session_id: &str) -> Result<Fault> {
        self.calls += 1;
        let fault = self.fault.unwrap_or_else(|| session_id.parse().unwrap_or_default());
        fault.commit()?;
        Ok(fault)
    }
}

impl Adapter for Faulty {
    const INFO: Info = Info {
        name: "faulty",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: true,
            compaction: true,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        let fault = settings.optional("fault")?;
        let open = settings.or("open", Fault::default())?;
        let folder = settings.optional::<PathBuf>("folder")?;
        settings.finish()?;
        open.commit()?;
        Ok(Self {
            fault,
            calls: 0,
            folder: folder.map(Folder::at).transpose()?,
        })
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        self.call(&key.session_id)?;
        match &mut self.folder {
            Some(folder) => folder.append(key, batch, summary),
            None => Ok(()),
        }
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let fault = self.call(&key.session_id)?;
        if let Some(folder) = &mut self.folder {
            return folder.load(key, after, max_bytes);
        }
        Ok(match fault {
            Fault::HundredMegabytes if after == 0 => vec![batch(1, vec![b'x'; LARGE])],
            Fault::Many => (after + 1..=after + MANY)
                .map(|number| batch(number, Vec::new()))
                .collect(),
            Fault::Disorder => vec![batch(after + 2, Vec::new()), batch(after + 1, Vec::new())],
            Fault::BadDigest => vec![Batch {
                digest: "no digest".into(),
                ..batch(after + 1, Vec::new())
            }],
            _ => Vec::new(),
        })
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        let fault = self.call(&key.session_id)?;
        if let Some(folder) = &mut self.folder {
            return folder.end(key);
        }
        let end = batch(self.calls, Vec::new()).position();
        Ok(Some(match fault {
            Fault::BadDigest => Position {
                digest: "no digest".into(),
                ..end
            },
            _ => end,
        }))
    }

    fn list_subkeys(&mut self, _: &str, session_id: &str, _: Option<&str>, _: u32) -> Result<Page<String>> {
        self.call(session_id)?;
        Ok(Page::default())
    }

    fn list_projects(&mut self, _: Option<&str>, _: u32) -> Result<Page<String>> {
        self.call("")?;
        Ok(Page::default())
    }

    fn list_sessions(&mut self, _: &str, _: Option<&str>, _: u32) -> Result<Page<Session>> {
        self.call("")?;
        Ok(Page::default())
    }

    fn find_session(&mut self, _: &str, session_id: &str) -> Result<Option<Session>> {
        self.call(session_id)?;
        Ok(None)
    }

    fn delete(&mut self, key: &SessionKey, _tombstone: Batch) -> Result<()> {
        self.call(&key.session_id)?;
        Ok(())
    }

    fn compact(&mut self, key: &SessionKey, _through: u64) -> Result<()> {
        self.call(&key.session_id)?;
        Ok(())
    }
}

fn batch(number: u64, payload: Vec<u8>) -> Batch {
    Batch {
        number,
        kind: Kind::Entries,
        writer: String::new(),
        line: number,
        digest: "0".repeat(64),
        payload,
    }
}

mirrorbox_adapter::export!(Faulty);
