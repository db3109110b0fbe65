//! An adapter that tries to break out on command: for tests of the host.
//!
//! The session id of the key that `load` gets is the deed, and so is the setting `do` for `open`: [`Deed`] lists them.
//! Each attempt comes back as a line of `other`. Everything else lies: `end` and the listings say what cannot
//! be.

mod deed;
mod files;
mod hoard;
mod noise;
mod script;
mod ways_out;

use std::thread;
use std::time::Duration;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Error, Info, Kind, Page, Position, Result, Session, SessionKey, Settings, Summary,
};

pub use deed::Deed;

/// The adapter.
#[derive(Debug, Default)]
pub struct Hostile {
    calls: u64,
}

impl Adapter for Hostile {
    const INFO: Info = Info {
        name: "hostile",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: false,
            compaction: false,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        let deed: Option<Deed> = settings.optional("do")?;
        settings.finish()?;
        match deed.map(|deed| deed.commit(0)) {
            Some(told) => Err(Error::Other(told)),
            None => Ok(Self::default()),
        }
    }

    fn load(&mut self, key: &SessionKey, after: u64, _max_bytes: u32) -> Result<Vec<Batch>> {
        self.calls += 1;
        let deed: Deed = key.session_id.parse().map_err(Error::Rejected)?;
        if deed == Deed::Throttle {
            return Err(Error::Throttled(Duration::from_millis(u32::MAX.into())));
        }
        match deed.lie(after) {
            Some(batches) => Ok(batches),
            None => Err(Error::Other(deed.commit(self.calls))),
        }
    }

    /// To the session `slow`, at leisure.
    fn append(&mut self, key: &SessionKey, _: Batch, _: Option<Summary>) -> Result<()> {
        if key.session_id == "slow" {
            thread::sleep(Duration::from_secs(2));
        }
        Ok(())
    }

    fn end(&mut self, _: &SessionKey) -> Result<Option<Position>> {
        Ok(Some(batch(u64::MAX).position()))
    }

    fn list_subkeys(&mut self, _: &str, _: &str, token: Option<&str>, _: u32) -> Result<Page<String>> {
        Ok(endless(token, "../../../etc/passwd".to_owned()))
    }

    fn list_projects(&mut self, token: Option<&str>, _: u32) -> Result<Page<String>> {
        Ok(endless(token, String::new()))
    }

    /// One summary is too large in the project `large`; of the others, there are too many.
    fn list_sessions(&mut self, project: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        let (count, bytes) = match project {
            "large" => (1, 2 << 20),
            "many" => (limit, 100_000),
            _ => (1, 100_000),
        };
        let session = |_| Session {
            session_id: "\u{202e}\u{7}".to_owned(),
            modified: u64::MAX,
            last: u64::MAX,
            summary: Some(Summary {
                through: u64::MAX,
                json: "{".repeat(bytes),
            }),
        };
        Ok(Page {
            items: (0..count).map(session).collect(),
            ..endless(token, session(0))
        })
    }

    fn find_session(&mut self, _: &str, _: &str) -> Result<Option<Session>> {
        Ok(None)
    }

    fn delete(&mut self, _: &SessionKey, _: Batch) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn compact(&mut self, _: &SessionKey, _: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
}

/// A page that is never the last.
fn endless<T>(token: Option<&str>, item: T) -> Page<T> {
    let page: u64 = token.and_then(|token| token.parse().ok()).unwrap_or_default();
    Page {
        items: vec![item],
        next: Some((page + 1).to_string()),
    }
}

fn batch(number: u64) -> Batch {
    Batch {
        number,
        kind: Kind::Entries,
        writer: "nobody".to_owned(),
        line: u64::MAX,
        digest: "0".repeat(64),
        payload: b"no line end".to_vec(),
    }
}

mirrorbox_adapter::export!(Hostile);
