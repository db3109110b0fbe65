//! Keeps transcripts in Redis, a Redis stream per transcript, readable with `redis-cli`.
//!
//! ```text
//! mirrorbox:{<project>/<session>}:log             Redis stream: entry <number>-0 is a batch
//! mirrorbox:{<project>/<session>}:state           hash: last, digest, modified; tombstone; through, summary
//! mirrorbox:{<project>/<session>}:log:<subpath>   the session's other transcripts, each like the main one
//! mirrorbox:{<project>/<session>}:state:<subpath>
//! mirrorbox:{<project>/<session>}:subpaths        sorted set: those that hold more than a tombstone
//! mirrorbox:{index}:projects                      sorted set
//! mirrorbox:{index}:sessions:<project>            sorted set
//! mirrorbox:{index}:numbers:<project>             hash: the batch for which a session was indexed
//! ```
//!
//! Parts of names are percent-encoded; what is in braces decides about the node of a cluster.
//!
//! # Why a crash or a race leaves every batch whole or absent
//!
//! **A batch** is stored by one script, with its summary and the state: Redis runs it alone, and writes what it changed
//! to its log as one transaction. The script also decides what a retry, a conflict, a gap and a number before a
//! tombstone are. A connection that broke leaves open whether the script ran; running it again settles that.
//!
//! **The index** is elsewhere (on another node, in a cluster), so it is changed before the first batch. What was
//! indexed in vain is hidden: listings look at the state. The only harm could come from a delete that removes the entry
//! late, when the session has begun anew. Therefore the entry holds the number for which it was made, a delete removes
//! it only if that is not beyond the tombstone, and the script stores no batch unless its entry is beyond the tombstone
//! that it sees.

mod answer;
mod check;
mod cluster;
mod connection;
mod failure;
mod layout;
mod listing;
mod sentinel;
mod server;
mod settings;
mod stream;

use std::collections::HashMap;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Info, Page, Position, Result, Session, SessionKey, Settings, Summary,
};

use crate::layout::Names;
use crate::server::Server;
use crate::settings::Options;

/// The adapter.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    names: Names,
    /// The sessions that this instance has indexed, and for which number.
    indexed: HashMap<SessionKey, u64>,
}

impl Adapter for Redis {
    const INFO: Info = Info {
        name: "redis",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: true,
            compaction: false,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        let options = Options::read(settings)?;
        let names = Names::new(options.prefix.clone());
        let mut server = Server::new(options.clone());
        check::server(&mut server, &options)?;
        server.learn()?;
        check::scripts(&mut server, &names.index("").projects)?;
        Ok(Self {
            server,
            names,
            indexed: HashMap::new(),
        })
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        self.append_batch(key, &batch, summary.as_ref())
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        self.load_page(key, after, max_bytes)
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        self.last_position(key)
    }

    fn list_subkeys(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        self.subpath_page(&SessionKey::main(project_key, session_id), token, limit)
    }

    fn list_projects(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        self.project_page(token, limit)
    }

    fn list_sessions(&mut self, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        self.session_page(project_key, token, limit)
    }

    fn find_session(&mut self, project_key: &str, session_id: &str) -> Result<Option<Session>> {
        let mut found = self.sessions(project_key, vec![session_id.to_owned()])?;
        Ok(found.pop().flatten())
    }

    fn delete(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        self.append_batch(key, &tombstone, None)?;
        self.remove_before(key, tombstone.number)
    }
}

mirrorbox_adapter::export!(Redis);

#[cfg(test)]
mod tests;
