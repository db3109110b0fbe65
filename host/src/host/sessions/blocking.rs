//! The same for callers without async.

use std::path::Path;

use super::{Answer, Messages, Sessions};
use crate::block_on::block_on;
use crate::session::{Fork, Forked, Listing, RestoreOptions, RestoreReport, SessionRow, Subagent};

impl Sessions {
    /// [`Sessions::list`] for callers without async.
    pub fn list_blocking(&self, what: &Listing) -> Answer<Vec<SessionRow>> {
        block_on(self.list(what))
    }

    /// [`Sessions::info`] for callers without async.
    pub fn info_blocking(&self, session: &str) -> Answer<Option<SessionRow>> {
        block_on(self.info(session))
    }

    /// [`Sessions::subagents`] for callers without async.
    pub fn subagents_blocking(&self, session: &str) -> Answer<Vec<Subagent>> {
        block_on(self.subagents(session))
    }

    /// [`Sessions::messages`] for callers without async.
    pub fn messages_blocking(&self, session: &str) -> Answer<Messages> {
        block_on(self.messages(session))
    }

    /// [`Sessions::subagent_messages`] for callers without async.
    pub fn subagent_messages_blocking(&self, session: &str, agent: &str) -> Answer<Messages> {
        block_on(self.subagent_messages(session, agent))
    }

    /// [`Sessions::rename`] for callers without async.
    pub fn rename_blocking(&self, session: &str, title: &str) -> Answer<()> {
        block_on(self.rename(session, title))
    }

    /// [`Sessions::tag`] for callers without async.
    pub fn tag_blocking(&self, session: &str, tag: Option<&str>) -> Answer<()> {
        block_on(self.tag(session, tag))
    }

    /// [`Sessions::fork`] for callers without async.
    pub fn fork_blocking(&self, session: &str, what: &Fork) -> Answer<Forked> {
        block_on(self.fork(session, what))
    }

    /// [`Sessions::delete`] for callers without async.
    pub fn delete_blocking(&self, session: &str) -> Answer<()> {
        block_on(self.delete(session))
    }

    /// [`Sessions::restore`] for callers without async.
    pub fn restore_blocking(&self, session: &str, into: &Path, options: RestoreOptions) -> Answer<RestoreReport> {
        block_on(self.restore(session, into, options))
    }
}
