use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::metadata;

/// Lines, counted by what they say: one line may stand in a file any number of times.
///
/// Memory: some 40 bytes for each different line, and the last metadata entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bag {
    lines: HashMap<[u8; 16], u32>,
    /// The last metadata entry.
    pub(crate) metadata: Option<Vec<u8>>,
}

impl Bag {
    /// Counts a line, given without its line feed.
    pub(crate) fn add(&mut self, line: &[u8]) {
        self.add_times(line, 1);
        if metadata::is_metadata(line) {
            self.metadata = Some(line.to_owned());
        }
    }

    /// Counts the lines of a payload, each ended by a line feed.
    pub(crate) fn add_payload(&mut self, payload: &[u8]) {
        lines_of(payload).for_each(|line| self.add(line));
    }

    /// Counts a line so many times, as what it says and not as the last metadata entry.
    pub(crate) fn add_times(&mut self, line: &[u8], times: u32) {
        if times > 0 {
            *self.lines.entry(fingerprint(line)).or_default() += times;
        }
    }

    /// Takes in all of another bag, whose lines came after these.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (line, count) in &other.lines {
            *self.lines.entry(*line).or_default() += count;
        }
        if other.metadata.is_some() {
            self.metadata.clone_from(&other.metadata);
        }
    }

    /// Raises each count to what another bag has: together they hold each line as often as either does. Returns what
    /// was lacking.
    pub(crate) fn raise_to(&mut self, other: &Self) -> Self {
        let mut lacking = Self::default();
        for (line, count) in &other.lines {
            let known = self.lines.entry(*line).or_default();
            if count > known {
                lacking.lines.insert(*line, count - *known);
                *known = *count;
            }
        }
        if other.metadata.is_some() {
            self.metadata.clone_from(&other.metadata);
        }
        lacking
    }

    /// Takes the lines of another bag away, as far as they are there. Returns those that are not.
    pub(crate) fn take_all(&mut self, other: &Self) -> Self {
        let mut rest = Self::default();
        for (line, count) in &other.lines {
            let known = self.lines.get(line).copied().unwrap_or_default();
            match known.saturating_sub(*count) {
                0 => drop(self.lines.remove(line)),
                left => drop(self.lines.insert(*line, left)),
            }
            if *count > known {
                rest.lines.insert(*line, count - known);
            }
        }
        rest
    }

    /// Whether no line is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether the line is there.
    pub(crate) fn has(&self, line: &[u8]) -> bool {
        // Most often nothing is, and there is nothing to hash.
        !self.lines.is_empty() && self.lines.contains_key(&fingerprint(line))
    }

    /// How often the line is there.
    pub(crate) fn count(&self, line: &[u8]) -> u32 {
        match self.lines.is_empty() {
            true => 0,
            false => self.lines.get(&fingerprint(line)).copied().unwrap_or_default(),
        }
    }

    /// Whether the line is there, once more than it was asked for.
    pub(crate) fn take(&mut self, line: &[u8]) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        let line = fingerprint(line);
        match self.lines.get_mut(&line) {
            None => return false,
            Some(1) => drop(self.lines.remove(&line)),
            Some(count) => *count -= 1,
        }
        true
    }
}

/// The lines of a payload, without their line feeds.
pub(crate) fn lines_of(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = payload.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Half a SHA-256: still far too long for two lines to meet by chance or by intent.
fn fingerprint(line: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(line).into();
    let (half, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_there_as_often_as_it_was_added() {
        let mut bag = Bag::default();
        bag.add_payload(b"{}\n{}\n");
        assert!(bag.take(b"{}") && bag.has(b"{}") && bag.take(b"{}") && !bag.take(b"{}"));
        assert!(!bag.has(b"{ }"));
    }

    #[test]
    fn two_places_together_hold_a_line_as_often_as_either_does() {
        let (mut one, mut other) = (Bag::default(), Bag::default());
        one.add_payload(b"1\n1\n2\n");
        other.add_payload(b"1\n3\n");
        one.raise_to(&other);
        let mut all = Bag::default();
        all.add_payload(b"1\n1\n2\n3\n");
        assert_eq!(one, all);
        one.take_all(&other);
        let mut rest = Bag::default();
        rest.add_payload(b"1\n2\n");
        assert_eq!(one, rest);
    }
}
