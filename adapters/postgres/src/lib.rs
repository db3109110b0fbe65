//! Keeps transcripts in PostgreSQL, a row per batch, readable with `psql`.
//!
//! ```text
//! mirrorbox.projects    project keys
//! mirrorbox.streams     a row per transcript: its last batch, its newest tombstone, when it was modified
//! mirrorbox.batches     a row per batch, the payload as it came
//! mirrorbox.summaries   a row per session that has one
//! mirrorbox.entries     a view for people: an entry per row, as jsonb where the database can hold it
//! ```
//!
//! # Why a crash or a race leaves every batch whole or absent
//!
//! **A batch** is stored by one function in one transaction, with its summary. The function locks the transcript's row
//! first, so of two writers one waits; it then decides what a retry, a conflict, a gap and a number before a tombstone
//! are. A connection that broke leaves open whether the transaction was committed; asking again settles that.
//!
//! **A tombstone** moves the line before which nothing is read, in the same transaction. What lies before it is removed
//! afterwards, some rows at a time; numbers stay taken, for the transcript's row remembers the tombstone. What
//! processes left that died meanwhile is found and removed by later calls.
//!
//! **No session state** outlives a transaction: no prepared statement, no setting. So a proxy may give each transaction
//! another connection; even one to a standby, which refuses whatever is asked here.

mod check;
mod connection;
mod database;
mod failure;
mod layout;
mod listing;
mod removal;
mod schema;
mod settings;
mod stream;
mod tls;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Info, Page, Piece, Position, Result, Session, SessionKey, Settings, Summary,
};

use crate::database::Database;
use crate::removal::Leftovers;
use crate::settings::Options;

/// The adapter.
#[derive(Debug)]
pub struct Postgres {
    database: Database,
    leftovers: Leftovers,
}

impl Adapter for Postgres {
    const INFO: Info = Info {
        name: "postgres",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: true,
            compaction: false,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        let database = Database::open(Options::read(settings)?)?;
        Ok(Self {
            database,
            leftovers: Leftovers::default(),
        })
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        self.append_batch(key, &batch, summary.as_ref())?;
        self.tidy();
        Ok(())
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        self.load_page(key, after, max_bytes)
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        let end = self.last_position(key)?;
        self.tidy();
        Ok(end)
    }

    fn list_subkeys(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        self.subpath_page(project_key, session_id, token, limit)
    }

    fn list_projects(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        self.project_page(token, limit)
    }

    fn list_sessions(&mut self, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        self.session_page(project_key, None, token, limit)
    }

    fn find_session(&mut self, project_key: &str, session_id: &str) -> Result<Option<Session>> {
        let page = self.session_page(project_key, Some(session_id), None, 1)?;
        Ok(page.items.into_iter().next())
    }

    fn delete(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        self.append_batch(key, &tombstone, None)?;
        self.remove_before(layout::stream(key), tombstone.number, &Piece::begin())
    }
}

mirrorbox_adapter::export!(Postgres);

#[cfg(test)]
mod tests;
