//! A local file against a stored stream: lines that are new, known, moved or gone.

use std::convert::Infallible;

use proptest::prelude::*;
use tokio::sync::mpsc;

use super::*;
use crate::session::fixture::main_key;
use crate::session::stored::StoredPiece;
use crate::store::{BatchDraft, Chain, Kind, Origin};

/// Remembers what it hears.
#[derive(Debug, Default)]
struct Ear {
    stored: Vec<String>,
    new: Vec<(u64, String, bool)>,
}

impl Listener for Ear {
    type Stop = Infallible;

    fn stored(&mut self, line: &[u8]) {
        assert!(self.new.is_empty(), "stored lines come first");
        self.stored.push(String::from_utf8(line.to_vec()).unwrap());
    }

    fn present(&mut self, _: u64) {}

    fn new_line(&mut self, new: NewLine<'_>) -> Result<(), Infallible> {
        let line = String::from_utf8(std::mem::take(new.line)).unwrap();
        self.new.push((new.number, line, new.in_step));
        Ok(())
    }
}

/// Pieces as a store gives them, `per_batch` lines in each.
fn pieces(lines: &[&str], per_batch: usize) -> mpsc::Receiver<StoredPiece> {
    let (to, from) = mpsc::channel(lines.len() + 1);
    let mut chain = Chain::start(&main_key());
    for batch in lines.chunks(per_batch) {
        let batch = chain.next(BatchDraft {
            kind: Kind::Entries,
            origin: Origin {
                writer: "w".into(),
                line: 1,
            },
            payload: batch.iter().map(|line| format!("{line}\n")).collect::<String>().into(),
        });
        to.try_send(StoredPiece::Batch(batch)).unwrap();
    }
    to.try_send(StoredPiece::End).unwrap();
    from
}

fn compare(local: &[&str], stored: &[&str], known: u64) -> (Comparison, Ear) {
    let local: String = local.iter().map(|line| format!("{line}\n")).collect();
    let mut ear = Ear::default();
    let mut lines = Lines::new(local.as_bytes());
    let mut stored = StoredLines::new(pieces(stored, 2));
    let found = Compare::new(&mut lines, &mut stored, &mut ear).run(known).unwrap();
    (found, ear)
}

const METADATA: &str = r#"{"n":1,"type":"agent_metadata"}"#;

#[test]
fn what_is_behind_the_stored_lines_is_new() {
    let (found, ear) = compare(&["a", "b", "c"], &["a", "b"], 0);
    assert_eq!(
        (found.lines, found.bytes, found.only_local, found.only_stored),
        (3, 6, 1, 0)
    );
    assert_eq!(found.differs_at, None);
    assert_eq!(ear.new, [(3, "c\n".into(), true)]);
    assert_eq!(ear.stored, ["a\n", "b\n"]);
}

#[test]
fn what_the_file_lost_stays_stored() {
    let (found, ear) = compare(&["a", "c", "d"], &["a", "b", "c"], 0);
    assert_eq!((found.differs_at, found.only_local, found.only_stored), (Some(2), 1, 1));
    assert_eq!(ear.new, [(3, "d\n".into(), false)]);
    assert_eq!(ear.stored, ["a\n", "b\n", "c\n"]);
}

#[test]
fn a_line_counts_as_often_as_it_is_there() {
    let (found, ear) = compare(&["x", "a", "a", "a"], &["a", "a"], 0);
    assert_eq!((found.differs_at, found.only_local, found.only_stored), (Some(1), 2, 0));
    let new: Vec<_> = ear.new.iter().map(|(number, ..)| *number).collect();
    assert_eq!(new, [1, 4]);
}

#[test]
fn stored_metadata_has_no_line_in_the_file() {
    let (found, ear) = compare(&["a", "b"], &[METADATA, "a", METADATA, "b", METADATA], 0);
    assert_eq!((found.differs_at, found.only_local, found.only_stored), (None, 0, 0));
    assert_eq!(found.metadata.unwrap(), METADATA);
    assert_eq!(ear.stored.len(), 5);
}

#[test]
fn metadata_that_is_a_line_of_the_file_is_one() {
    let (found, ear) = compare(&["a", METADATA, "b"], &["a", METADATA, "b"], 0);
    assert_eq!((found.differs_at, found.only_local, found.only_stored), (None, 0, 0));
    assert_eq!(ear.new, []);
}

#[test]
fn known_lines_are_heard_and_not_compared() {
    let (found, ear) = compare(&["a", "b", "c", "d"], &["c"], 2);
    assert_eq!((found.differs_at, found.lines, found.only_local), (None, 4, 1));
    assert_eq!(ear.stored, ["a\n", "b\n", "c\n"]);
    assert_eq!(ear.new, [(4, "d\n".into(), true)]);
}

#[test]
fn a_stored_side_that_was_given_up_is_not_its_end() {
    let (to, from) = mpsc::channel(1);
    drop(to);
    let mut ear = Ear::default();
    let mut lines = Lines::new(b"a\n".as_slice());
    let compared = Compare::new(&mut lines, &mut StoredLines::new(from), &mut ear).run(0);
    assert!(matches!(compared, Err(CompareError::Stored(_))));
    assert!(ear.new.is_empty());
}

fn few_lines() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", METADATA]), 0..8)
}

fn count(lines: &[&str], line: &str) -> usize {
    lines.iter().filter(|each| **each == line).count()
}

proptest! {
    #[test]
    fn after_an_import_every_line_is_stored_and_a_second_one_adds_nothing(local in few_lines(), stored in few_lines()) {
        let (_, ear) = compare(&local, &stored, 0);
        let mut after = stored.clone();
        after.extend(local.iter().enumerate().filter_map(|(at, line)| {
            ear.new.iter().any(|(number, ..)| *number == at as u64 + 1).then_some(line)
        }));
        for line in ["a", "b", "c", METADATA] {
            prop_assert!(count(&after, line) >= count(&local, line), "{line} is not stored: {after:?}");
        }
        let (again, _) = compare(&local, &after, 0);
        prop_assert_eq!(again.only_local, 0, "{:?}", after);
    }
}
