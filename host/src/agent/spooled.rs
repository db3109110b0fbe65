use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::AgentError;
use crate::spool::StreamLook;
use crate::transcript::{members, metadata};

/// The lines of a stream that are in the spool, to tell from them which lines of the agent's file are not.
///
/// One line may stand in a file any number of times, so they are counted. Memory: some 40 bytes for each line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spooled {
    lines: HashMap<[u8; 16], u32>,
    /// The last metadata entry, of which the agent's file has none.
    pub(crate) metadata: Option<Vec<u8>>,
}

impl Spooled {
    /// Takes in what a dead process left. What was pruned cannot be told any more: none.
    pub(crate) fn of(stream: &StreamLook) -> Result<Option<Self>, AgentError> {
        let mut spooled = Self::default();
        let mut place = stream.start();
        if place.offset > 0 {
            return Ok(None);
        }
        while let Some(chunk) = stream.read(place)? {
            let lines = chunk.payload.split(|byte| *byte == b'\n');
            lines.filter(|line| !line.is_empty()).for_each(|line| spooled.add(line));
            place = chunk.next;
        }
        Ok(Some(spooled))
    }

    /// Counts a line, given without its line feed.
    pub(crate) fn add(&mut self, line: &[u8]) {
        *self.lines.entry(fingerprint(line)).or_default() += 1;
        if metadata::is_metadata(line) {
            self.metadata = Some(line.to_owned());
        }
    }

    /// Takes in what another writer spooled after it.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (line, count) in &other.lines {
            *self.lines.entry(*line).or_default() += count;
        }
        if other.metadata.is_some() {
            self.metadata.clone_from(&other.metadata);
        }
    }

    /// Takes in what another place holds more of: together they hold each line as often as either does.
    pub(crate) fn add_missing(&mut self, other: &Self) {
        for (line, count) in &other.lines {
            let known = self.lines.entry(*line).or_default();
            *known = (*known).max(*count);
        }
        if self.metadata.is_none() {
            self.metadata.clone_from(&other.metadata);
        }
    }

    /// Whether the line is there, once more than it was asked for.
    pub(crate) fn take(&mut self, line: &[u8]) -> bool {
        match self.lines.get_mut(&fingerprint(line)) {
            Some(count @ 1..) => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

fn fingerprint(line: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(line).into();
    std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default())
}

/// Whether the agent mirrors lines of this kind. What it notes about its requests stays in its own file.
pub(crate) fn is_mirrored(line: &[u8]) -> bool {
    const OWN: [&str; 2] = ["api-request", "resume-head-vouch"];
    let is_suspect = |own: &&str| memchr::memmem::find(line, own.as_bytes()).is_some();
    if !OWN.iter().any(is_suspect) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(line) else {
        return true;
    };
    let mut is_own = false;
    let read = members::each_member(text, |name, value| {
        if name == "\"type\"" {
            is_own = members::string(value).is_some_and(|kind| OWN.iter().any(|own| kind.starts_with(own)));
        }
    });
    read.is_err() || !is_own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_there_as_often_as_it_was_added() {
        let mut spooled = Spooled::default();
        spooled.add(b"{}");
        spooled.add(b"{}");
        assert!(spooled.take(b"{}") && spooled.take(b"{}") && !spooled.take(b"{}"));
        assert!(!spooled.take(b"{ }"));
    }

    #[test]
    fn what_the_agent_keeps_to_itself_is_told_by_its_type() {
        assert!(!is_mirrored(br#"{"a":1,"type":"api-request-blob"}"#));
        assert!(!is_mirrored(br#"{"type":"resume-head-vouch"}"#));
        assert!(is_mirrored(br#"{"type":"user","text":"api-request"}"#));
        assert!(is_mirrored(br#"{"type":"user"}"#));
    }
}
