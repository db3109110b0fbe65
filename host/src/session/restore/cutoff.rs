//! Where a restored transcript ends: a state that it had before.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::agent_format::EntryFields;
use crate::key::SessionKey;
use crate::session::StreamError;
use crate::transcript::members::string;

/// Where a restored session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreEnd {
    /// Behind the first row of the main transcript that has this uuid, in the order in which rows were stored: what was
    /// rewritten under the same uuids comes later. Subagents are whole.
    Through(String),
    /// Without the rows that are younger, of subagents too. A row without a time is treated as the row before it.
    At(SystemTime),
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Written,
    LeftOut,
    /// Nothing behind it is looked at.
    WrittenAsLast,
}

/// Decides about the lines of one stream, in their order.
#[derive(Debug)]
pub(super) struct Cutoff {
    end: Option<RestoreEnd>,
    key: SessionKey,
    /// The last row that has a time was left out.
    is_too_young: bool,
    is_over: bool,
}

impl Cutoff {
    pub(super) fn new(end: Option<RestoreEnd>, key: &SessionKey) -> Self {
        let end = end.filter(|end| key.is_main() || matches!(end, RestoreEnd::At(_)));
        Self {
            end,
            key: key.clone(),
            is_too_young: false,
            is_over: false,
        }
    }

    /// Whether every line is written.
    pub(super) fn is_whole(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn judge(&mut self, line: &[u8]) -> Decision {
        let Some(end) = &self.end else { return Decision::Written };
        // A line that is no JSON object has neither uuid nor time.
        let row = EntryFields::read(line).unwrap_or_default();
        match end {
            RestoreEnd::Through(uuid) if string(row.uuid).is_some_and(|own| own == *uuid) => {
                self.is_over = true;
                Decision::WrittenAsLast
            }
            RestoreEnd::Through(_) => Decision::Written,
            RestoreEnd::At(at) => {
                if let Some(time) = row.time() {
                    self.is_too_young = UNIX_EPOCH + time > *at;
                }
                match self.is_too_young {
                    true => Decision::LeftOut,
                    false => Decision::Written,
                }
            }
        }
    }

    /// Behind the last line. Fails where the transcript was to end with a row that it does not have.
    pub(super) fn check(self) -> Result<(), StreamError> {
        match self.end {
            Some(RestoreEnd::Through(uuid)) if !self.is_over => Err(StreamError::NoRow { key: self.key, uuid }),
            _ => Ok(()),
        }
    }
}
