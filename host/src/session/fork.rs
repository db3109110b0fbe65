//! Makes the entries of a new session from those of an existing one, up to a message or to its end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::edit::now;
use super::stored::{PayloadLines, StoredReader};
use super::{Entries, SessionError, show};
use crate::agent_format::{EntryFields, ForkLinks, ForkStamp, Owner, RowKind, is_truthy, title_entry};
use crate::key::SessionKey;
use crate::store::{BATCH_BYTES, Store};
use crate::summary::Fold;
use crate::transcript::members::{each_item, string};

/// What to fork of a session; all of it by default.
#[derive(Clone, Debug, Default)]
pub struct Fork {
    /// Up to the message with this uuid, itself included.
    pub through: Option<String>,
    /// The fork's title; by default the session's own with ` (fork)` behind it.
    pub title: Option<String>,
}

/// A session that was forked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forked {
    /// The new session.
    pub session: SessionKey,
    /// Its title.
    pub title: String,
    /// How many entries it has.
    pub entries: u64,
}

/// The entries of a fork, one after the other: whose a restricted session is, each message of the main transcript under
/// a new uuid, what tools had replaced in it, and a title. Subagents stay with the session.
///
/// Memory: a few hundred bytes a message and one page of batches. The session is read once for the plan, and again for
/// the entries.
#[derive(Debug)]
pub(crate) struct ForkRows {
    source: SessionKey,
    store: Arc<dyn Store>,
    plan: Plan,
    entries: Entries,
    stamp: ForkStamp,
    /// Messages that were passed so far, those that are not written included.
    passed: u64,
    stage: Stage,
    /// What tools replaced, raw, for the next row.
    replaced: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Owner,
    Messages,
    Replacements,
    Title,
    Over,
}

/// What one reading finds out.
#[derive(Debug, Default)]
struct Plan {
    nodes: HashMap<Box<str>, Node>,
    /// Messages up to the last one that is wanted.
    wanted: u64,
    /// The place of the last one that is written, from 1.
    last_written: u64,
    is_cut: bool,
    has_replacements: bool,
    fold: Fold,
    custom_title: Option<String>,
    ai_title: Option<String>,
    /// The first row that says so counts.
    owner: Option<Owner>,
}

/// A message by its uuid.
#[derive(Debug)]
struct Node {
    /// Its uuid in the fork.
    uuid: Uuid,
    /// It is left out; rows that follow it follow this one instead.
    left_out: Option<Option<Box<str>>>,
}

impl ForkRows {
    /// Reads the session, and finds a new one's id.
    pub(crate) async fn new(store: Arc<dyn Store>, source: &SessionKey, what: &Fork) -> Result<Self, SessionError> {
        let source = source.to_main();
        let mut plan = Plan::default();
        let mut stored = StoredReader::new(store.clone(), source.clone(), None);
        let mut is_known = false;
        while let Some(batch) = stored.next().await? {
            for line in PayloadLines::new(batch.payload) {
                is_known = true;
                plan.take(&line, what.through.as_deref(), source.session_id());
            }
        }
        if !is_known {
            return Err(SessionError::NotFound {
                id: source.session_id().to_owned(),
            });
        }
        plan.check(&source, what.through.as_deref())?;
        let session = Uuid::new_v4().to_string();
        let title = plan.title(what.title.as_deref());
        Ok(Self {
            entries: show(store.clone(), &source),
            stamp: ForkStamp {
                now: now(),
                source: source.session_id().to_owned(),
                session,
                title,
            },
            source,
            store,
            plan,
            passed: 0,
            stage: Stage::Owner,
            replaced: String::new(),
        })
    }

    /// The new session.
    pub(crate) fn session(&self) -> Result<SessionKey, SessionError> {
        Ok(SessionKey::main(self.source.project_key(), &self.stamp.session)?)
    }

    /// Its title.
    pub(crate) fn title(&self) -> &str {
        &self.stamp.title
    }

    /// The next entry without its LF; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SessionError> {
        loop {
            let row = match self.stage {
                Stage::Owner => self.plan.owner.as_ref().map(|owner| owner.row(&self.stamp.session)),
                Stage::Messages => self.message().await?,
                Stage::Replacements => self.replacements().await?,
                Stage::Title => Some(title_entry(&self.stamp.session, &self.stamp.title, &self.stamp.now)),
                Stage::Over => return Ok(None),
            };
            if matches!(self.stage, Stage::Owner | Stage::Title) || row.is_none() {
                self.go_on();
            }
            if row.is_some() {
                return Ok(row);
            }
        }
    }

    fn go_on(&mut self) {
        self.stage = match self.stage {
            Stage::Owner => Stage::Messages,
            Stage::Messages if self.plan.has_replacements => {
                // They may stand anywhere, and come behind the messages.
                self.entries = show(self.store.clone(), &self.source);
                Stage::Replacements
            }
            Stage::Messages | Stage::Replacements => Stage::Title,
            Stage::Title | Stage::Over => Stage::Over,
        };
    }

    async fn message(&mut self) -> Result<Option<Bytes>, SessionError> {
        while self.passed < self.plan.last_written {
            let Some(entry) = self.entries.next().await? else {
                return Ok(None);
            };
            let Some(row) = EntryFields::read(&entry.line).filter(is_message) else {
                continue;
            };
            self.passed += 1;
            let is_last = self.passed == self.plan.last_written;
            let rewritten = self
                .plan
                .links(&row)
                .and_then(|links| self.stamp.message(&entry.line, &row, &links, is_last));
            if rewritten.is_some() {
                return Ok(rewritten);
            }
        }
        Ok(None)
    }

    /// All of them in one entry, as long as that does not grow beyond a batch.
    async fn replacements(&mut self) -> Result<Option<Bytes>, SessionError> {
        while let Some(entry) = self.entries.next().await? {
            let row = EntryFields::read(&entry.line).unwrap_or_default();
            if !row.replaces(&self.stamp.source) {
                continue;
            }
            let full = match self.replaced.len() + row.replacements.len() > BATCH_BYTES {
                true => self.stamp.replacements(&mut self.replaced),
                false => None,
            };
            // A list that is a list, or it would not be here.
            let _ = each_item(row.replacements, |item| {
                if !self.replaced.is_empty() {
                    self.replaced.push(',');
                }
                self.replaced.push_str(item);
            });
            if full.is_some() {
                return Ok(full);
            }
        }
        Ok(self.stamp.replacements(&mut self.replaced))
    }
}

/// Of the conversation, and not a side chain's.
fn is_message(row: &EntryFields<'_>) -> bool {
    row.link().is_some() && !is_truthy(row.is_sidechain)
}

impl Plan {
    fn take(&mut self, line: &[u8], through: Option<&str>, session: &str) {
        self.fold.fold(line);
        if self.owner.is_none() {
            self.owner = Owner::read(line);
        }
        let Some(row) = EntryFields::read(line) else { return };
        let said = |raw| {
            string(raw)
                .filter(|text| !text.is_empty())
                .map(|text| text.into_owned())
        };
        self.custom_title = said(row.custom_title).or(self.custom_title.take());
        self.ai_title = said(row.ai_title).or(self.ai_title.take());
        self.has_replacements |= row.replaces(session);
        if is_message(&row) && !self.is_cut {
            self.take_message(&row, through);
        }
    }

    fn take_message(&mut self, row: &EntryFields<'_>, through: Option<&str>) {
        let Some((kind, uuid)) = row.link() else { return };
        self.wanted += 1;
        self.is_cut = through == Some(uuid.as_ref());
        let is_left_out = kind == RowKind::Progress;
        if !is_left_out {
            self.last_written = self.wanted;
        }
        let node = self.nodes.entry(uuid.into()).or_insert_with(|| Node {
            uuid: Uuid::new_v4(),
            left_out: None,
        });
        // Of several rows under one uuid, the last counts.
        node.left_out = is_left_out.then(|| row.parent().map(Into::into));
    }

    fn check(&self, source: &SessionKey, through: Option<&str>) -> Result<(), SessionError> {
        let session = source.clone();
        match through {
            Some(uuid) if self.wanted > 0 && !self.is_cut => Err(SessionError::NoMessage {
                session,
                uuid: uuid.to_owned(),
            }),
            _ if self.last_written == 0 => Err(SessionError::NothingToFork { session }),
            _ => Ok(()),
        }
    }

    fn title(&self, wanted: Option<&str>) -> String {
        if let Some(title) = wanted.map(super::edit::trimmed).filter(|title| !title.is_empty()) {
            return title.to_owned();
        }
        let own = self.custom_title.as_deref().or(self.ai_title.as_deref());
        let first_prompt = self.fold.first_prompt();
        format!("{} (fork)", own.or(first_prompt).unwrap_or("Forked session"))
    }

    /// None for a message that is left out.
    fn links(&self, row: &EntryFields<'_>) -> Option<ForkLinks> {
        let (kind, uuid) = row.link()?;
        let logical_parent = string(row.logical_parent);
        (kind != RowKind::Progress).then_some(ForkLinks {
            uuid: self.nodes.get(uuid.as_ref())?.uuid,
            parent: self.parent(row),
            logical_parent: logical_parent.and_then(|uuid| Some(self.nodes.get(uuid.as_ref())?.uuid)),
        })
    }

    /// The nearest message before it that is written.
    fn parent(&self, row: &EntryFields<'_>) -> Option<Uuid> {
        let mut next = row.parent()?.into_owned();
        let mut seen = HashSet::new();
        // Those that are left out may follow each other in a circle.
        while seen.insert(next.clone()) {
            let node = self.nodes.get(next.as_str())?;
            match &node.left_out {
                None => return Some(node.uuid),
                Some(parent) => next = parent.as_deref()?.to_owned(),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
