//! Two sides of one stream, line by line: each writer's lines must be the same, however they were cut and merged.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

use super::stored::PayloadLines;
use bytes::Bytes;

/// Sets lines off against each other as they come, from either side in any turn.
///
/// Memory: about 80 bytes for each line that one side has given and the other has not.
#[derive(Debug, Default)]
pub(super) struct Balance {
    writers: HashMap<String, BothHalves>,
    differs: Option<(String, u64)>,
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    First,
    Second,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Imbalance {
    /// Lines that only the first side has,
    pub(super) only_first: u64,
    /// and only the second.
    pub(super) only_second: u64,
    /// Lines that both have, under other writers.
    pub(super) elsewhere: u64,
    /// A line that both have, and not alike: whose, and its number.
    pub(super) differs: Option<(String, u64)>,
}

/// Half a SHA-256.
type Fingerprint = [u8; 16];

#[derive(Debug, Default)]
struct BothHalves {
    first: Half,
    second: Half,
}

/// What one side has given of one writer.
#[derive(Debug, Default)]
struct Half {
    /// The number after the last line.
    next: u64,
    /// The other side may still give them.
    waiting: BTreeMap<u64, Fingerprint>,
    /// The other side does not have them.
    only: Vec<Fingerprint>,
}

impl Balance {
    /// Takes consecutive lines of a writer, the first of which has a number.
    pub(super) fn take(&mut self, side: Side, writer: &str, line: u64, payload: &Bytes) {
        if !self.writers.contains_key(writer) {
            self.writers.insert(writer.to_owned(), BothHalves::default());
        }
        let Some(of_writer) = self.writers.get_mut(writer) else {
            return;
        };
        for (number, text) in (line..).zip(PayloadLines::new(payload.clone())) {
            if !of_writer.take(side, number, fingerprint(&text)) && self.differs.is_none() {
                self.differs = Some((writer.to_owned(), number));
            }
        }
    }

    /// Both sides are at their ends.
    pub(super) fn finish(self) -> Imbalance {
        let mut bag: HashMap<Fingerprint, u64> = HashMap::new();
        let mut seconds = Vec::new();
        let mut outcome = Imbalance {
            differs: self.differs,
            ..Imbalance::default()
        };
        for BothHalves { first, second } in self.writers.into_values() {
            for fingerprint in first.only.into_iter().chain(first.waiting.into_values()) {
                *bag.entry(fingerprint).or_default() += 1;
                outcome.only_first += 1;
            }
            seconds.extend(second.only.into_iter().chain(second.waiting.into_values()));
        }
        for fingerprint in seconds {
            match bag.get_mut(&fingerprint).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    outcome.only_first -= 1;
                    outcome.elsewhere += 1;
                }
                None => outcome.only_second += 1,
            }
        }
        outcome
    }
}

impl BothHalves {
    /// False where the other side has another line of this number.
    fn take(&mut self, side: Side, number: u64, fingerprint: Fingerprint) -> bool {
        let (ours, theirs) = match side {
            Side::First => (&mut self.first, &mut self.second),
            Side::Second => (&mut self.second, &mut self.first),
        };
        // A line that a side gives once more is the one that it gave.
        if number < ours.next {
            return true;
        }
        ours.next = number + 1;
        let later = theirs.waiting.split_off(&number);
        let passed = std::mem::replace(&mut theirs.waiting, later);
        theirs.only.extend(passed.into_values());
        match theirs.waiting.remove(&number) {
            Some(other) => return other == fingerprint,
            None if number < theirs.next => ours.only.push(fingerprint),
            None => drop(ours.waiting.insert(number, fingerprint)),
        }
        true
    }
}

fn fingerprint(line: &[u8]) -> Fingerprint {
    let digest: [u8; 32] = Sha256::digest(line).into();
    let (half, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *half
}

#[cfg(test)]
mod tests {
    use super::Side::{First, Second};
    use super::*;

    fn balance(takes: &[(Side, &str, u64, &'static str)]) -> Imbalance {
        let mut balance = Balance::default();
        for (side, writer, line, payload) in takes {
            balance.take(*side, writer, *line, &Bytes::from_static(payload.as_bytes()));
        }
        balance.finish()
    }

    #[test]
    fn cuts_and_merges_do_not_matter() {
        let takes = [
            (First, "a", 1, "1\n2\n3\n"),
            (Second, "b", 1, "x\n"),
            (Second, "a", 1, "1\n"),
            (First, "b", 1, "x\ny\n"),
            (Second, "a", 2, "2\n3\n"),
            (Second, "b", 2, "y\n"),
        ];
        assert_eq!(balance(&takes), Imbalance::default());
    }

    #[test]
    fn a_line_given_again_is_no_other_line() {
        let takes = [
            (First, "a", 1, "1\n2\n"),
            (First, "a", 2, "2\n"),
            (Second, "a", 1, "1\n2\n"),
        ];
        assert_eq!(balance(&takes), Imbalance::default());
    }

    #[test]
    fn what_one_side_lacks_is_counted_wherever_it_is() {
        let takes = [
            (First, "a", 1, "1\n2\n3\n4\n"),
            (Second, "a", 1, "1\n"),
            (Second, "a", 3, "3\n"),
        ];
        assert_eq!(balance(&takes).only_first, 2);
        let turned = takes.map(|(side, writer, line, payload)| match side {
            First => (Second, writer, line, payload),
            Second => (First, writer, line, payload),
        });
        assert_eq!(balance(&turned).only_second, 2);
        let gap_first = [
            (First, "a", 1, "1\n"),
            (First, "a", 3, "3\n"),
            (Second, "a", 1, "1\n2\n3\n"),
        ];
        let outcome = balance(&gap_first);
        assert_eq!((outcome.only_first, outcome.only_second), (0, 1));
    }

    #[test]
    fn another_line_of_the_same_number_is_named() {
        let takes = [(First, "a", 5, "1\n2\n"), (Second, "a", 5, "1\n3\n")];
        assert_eq!(balance(&takes).differs, Some(("a".to_owned(), 6)));
    }

    #[test]
    fn the_same_lines_of_other_writers_are_told_from_others() {
        let takes = [(First, "a", 1, "1\n2\n"), (Second, "b", 1, "1\n2\n4\n")];
        let outcome = balance(&takes);
        assert_eq!((outcome.only_first, outcome.only_second, outcome.elsewhere), (0, 1, 2));
    }
}
