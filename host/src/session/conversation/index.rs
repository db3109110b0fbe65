//! The rows of a transcript by their uuids, each reduced to what finding the conversation needs.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::agent_format::{ContentBlock, EntryFields, RowKind, blocks, is_truthy};
use crate::transcript::members::string;

/// A text that stands in many rows: a uuid, an id.
pub(super) type Name = u32;

/// Where a line lies: in which batch that was read, and where in its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineSlice {
    pub(super) batch: usize,
    pub(super) start: usize,
    pub(super) len: usize,
}

/// One row of the conversation, without what it says. A few hundred bytes.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) place: LineSlice,
    pub(super) kind: RowKind,
    pub(super) uuid: Name,
    pub(super) parent: Option<Name>,
    pub(super) is_meta: bool,
    pub(super) is_sidechain: bool,
    pub(super) is_of_team: bool,
    /// Who wrote it, where it is not the main agent.
    agent: Option<Name>,
    /// The response of the model that it is part of.
    pub(super) response: Option<Name>,
    /// The tool calls in it, and those that it answers.
    pub(super) calls: Box<[Name]>,
    pub(super) answers: Box<[Name]>,
    /// It holds a tool's answer.
    pub(super) is_answer: bool,
    /// The row that made the call which it answers, as it says itself.
    pub(super) source: Option<Name>,
    pub(super) timestamp: Box<str>,
}

/// The rows of a transcript in stored order, and how to find them.
#[derive(Debug, Default)]
pub(super) struct RowIndex {
    names: HashMap<Box<str>, Name>,
    links: Vec<Link>,
    written: HashMap<Name, RowsOfUuid>,
    /// Every uuid of a row once, in the order in which they came up.
    uuids: Vec<Name>,
}

/// Where the rows under one uuid are.
#[derive(Clone, Copy, Debug)]
struct RowsOfUuid {
    /// How many other uuids came up before.
    first: usize,
    /// The last row.
    newest: usize,
}

impl RowIndex {
    /// Takes in the next row, if it is part of a conversation.
    pub(super) fn take(&mut self, row: &EntryFields<'_>, place: LineSlice) {
        let Some((kind, uuid)) = row.link() else { return };
        let uuid = self.name(&uuid);
        let blocks = blocks(row.message);
        let link = Link {
            place,
            kind,
            uuid,
            parent: row.parent().map(|parent| self.name(&parent)),
            is_meta: is_truthy(row.is_meta),
            is_sidechain: is_truthy(row.is_sidechain),
            is_of_team: is_truthy(row.team),
            agent: (!matches!(row.agent, "" | "null")).then(|| self.name(&string(row.agent).unwrap_or_default())),
            response: self.response(kind, row),
            calls: self.names_of(blocks.iter().filter(|block| block.is_call()).map(|block| block.id)),
            answers: self.names_of(
                blocks
                    .iter()
                    .filter(|block| block.is_answer())
                    .map(|block| block.tool_use_id),
            ),
            is_answer: kind == RowKind::User && blocks.iter().any(ContentBlock::is_answer),
            source: string(row.source).map(|source| self.name(&source)),
            timestamp: string(row.timestamp).unwrap_or_default().into(),
        };
        self.note(uuid);
        self.links.push(link);
    }

    /// The next row has this uuid.
    fn note(&mut self, uuid: Name) {
        let (first, newest) = (self.uuids.len(), self.links.len());
        match self.written.entry(uuid) {
            Entry::Occupied(mut written) => written.get_mut().newest = newest,
            Entry::Vacant(new) => {
                new.insert(RowsOfUuid { first, newest });
                self.uuids.push(uuid);
            }
        }
    }

    fn response(&mut self, kind: RowKind, row: &EntryFields<'_>) -> Option<Name> {
        let id = row.response_id().filter(|_| kind == RowKind::Assistant)?;
        Some(self.name(&id))
    }

    fn names_of<'a>(&mut self, raw: impl Iterator<Item = &'a str>) -> Box<[Name]> {
        raw.filter_map(string).map(|text| self.name(&text)).collect()
    }

    fn name(&mut self, text: &str) -> Name {
        let next = self.names.len() as Name;
        match self.names.get(text) {
            Some(name) => *name,
            None => *self.names.entry(text.into()).or_insert(next),
        }
    }

    /// All rows, also those that were written again.
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// The newest row under each uuid, in the order in which the uuids came up.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Link> {
        self.uuids.iter().filter_map(|uuid| self.by_uuid(*uuid))
    }

    /// The newest row under a uuid.
    pub(super) fn by_uuid(&self, uuid: Name) -> Option<&Link> {
        self.links.get(self.written.get(&uuid)?.newest)
    }

    /// How late a uuid was last written.
    pub(super) fn lateness(&self, uuid: Name) -> usize {
        self.written.get(&uuid).map_or(0, |written| written.newest)
    }

    /// How early a uuid came up.
    pub(super) fn first_met(&self, uuid: Name) -> usize {
        self.written.get(&uuid).map_or(0, |written| written.first)
    }

    /// A row and what came before it, back to the first or to one that is not there. Ends in a circle, too.
    pub(super) fn back_from<'a>(&'a self, link: &'a Link) -> impl Iterator<Item = &'a Link> {
        let mut seen = HashSet::new();
        let before = |link: &&'a Link| link.parent.and_then(|parent| self.by_uuid(parent));
        std::iter::successors(Some(link), before).take_while(move |link| seen.insert(link.uuid))
    }
}

impl Link {
    /// Whether people or the model speak.
    pub(super) fn is_said(&self) -> bool {
        matches!(self.kind, RowKind::User | RowKind::Assistant)
    }

    /// Whether both are the main agent's, or the same subagent's.
    pub(super) fn is_by_writer_of(&self, other: &Self) -> bool {
        self.is_sidechain == other.is_sidechain && self.agent == other.agent
    }
}
