//! Lines of every length from readers that cut their input anywhere or fail.

use std::io::{BufReader, Read};

use mirrorbox_transcripts::hostile;
use proptest::prelude::*;

use super::*;

/// Everything that comes out, line by line, and what comes after the last line.
fn read<R: BufRead>(reader: R, limit: usize) -> (Vec<Vec<u8>>, Result<Next, LineError>) {
    let mut lines = Lines::with_limit(reader, limit);
    let mut found = Vec::new();
    loop {
        let mut line = b"kept".to_vec();
        let next = lines.next_line(&mut line);
        let line = line.strip_prefix(b"kept").expect("what was there stays").to_vec();
        if !matches!(next, Ok(Next::Line)) {
            assert!(line.is_empty(), "only complete lines are appended");
            return (found, next);
        }
        found.push(line);
        assert_eq!(lines.line(), found.len() as u64);
        assert_eq!(lines.offset(), found.concat().len() as u64);
    }
}

fn expected(input: &[u8]) -> (Vec<Vec<u8>>, Next) {
    let mut lines: Vec<_> = input
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let torn = lines.pop_if(|line| !line.ends_with(b"\n"));
    let next = torn.map_or(Next::End, |torn| Next::Torn {
        bytes: torn.len() as u64,
    });
    (lines, next)
}

#[test]
fn every_chunk_size_gives_the_same_lines() {
    let input = b"{\"a\":1}\r\n\n\r\n{\"b\":\"\xc3\xa9\"}\n\n{\"torn\":";
    for size in 1..=input.len() + 1 {
        let (lines, next) = read(BufReader::with_capacity(size, &input[..]), MAX_LINE);
        assert_eq!((lines, next.unwrap()), expected(input), "buffer of {size} bytes");
    }
}

#[test]
fn an_empty_input_ends_at_once_and_stays_ended() {
    let mut lines = Lines::new(&b""[..]);
    for _ in 0..2 {
        assert_eq!(lines.next_line(&mut Vec::new()).unwrap(), Next::End);
    }
}

#[test]
fn a_torn_tail_is_told_once() {
    let mut lines = Lines::new(&b"{}\n{"[..]);
    let mut next = || lines.next_line(&mut Vec::new()).unwrap();
    assert_eq!(
        [next(), next(), next()],
        [Next::Line, Next::Torn { bytes: 1 }, Next::End]
    );
}

#[test]
fn a_line_may_reach_the_limit_but_not_pass_it() {
    let (lines, next) = read(&b"123\n1234\n"[..], 4);
    assert_eq!(lines, [b"123\n"]);
    let error = next.unwrap_err();
    assert!(
        matches!(
            error,
            LineError::TooLong {
                line: 2,
                offset: 4,
                limit: 4
            }
        ),
        "{error}"
    );
    assert!(!error.can_retry());
}

#[test]
fn a_line_that_is_too_long_is_read_no_further_and_stays_an_error() {
    let mut input = io::repeat(b'x').take(1000);
    let mut lines = Lines::with_limit(BufReader::with_capacity(1, &mut input), 10);
    for _ in 0..2 {
        let error = lines.next_line(&mut Vec::new()).unwrap_err();
        assert!(
            matches!(error, LineError::TooLong { line: 1, offset: 0, .. }),
            "{error}"
        );
    }
    assert_eq!(input.limit(), 990);
}

/// Gives its bytes, then fails, then would go on.
struct Failing(&'static [u8], Option<io::ErrorKind>);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.1.take() {
            Some(kind) if self.0.is_empty() => Err(kind.into()),
            kind => {
                self.1 = kind;
                self.0.read(into)
            }
        }
    }
}

#[test]
fn a_failure_names_the_line_and_is_final() {
    let mut lines = Lines::new(BufReader::new(Failing(b"{}\n{", Some(io::ErrorKind::NotConnected))));
    let mut line = Vec::new();
    assert_eq!(lines.next_line(&mut line).unwrap(), Next::Line);
    for _ in 0..2 {
        let error = lines.next_line(&mut line).unwrap_err();
        let kind = |source: &io::Error| source.kind() == io::ErrorKind::NotConnected;
        assert!(
            matches!(&error, LineError::Io { line: 2, offset: 3, source } if kind(source)),
            "{error}"
        );
        assert!(error.can_retry());
    }
    assert_eq!(line, b"{}\n");
}

#[test]
fn an_interrupted_read_goes_on() {
    let reader = BufReader::new(Failing(b"{}\n", Some(io::ErrorKind::Interrupted)));
    let (lines, next) = read(reader, MAX_LINE);
    assert_eq!((lines.len(), next.unwrap()), (1, Next::End));
}

#[test]
fn debug_shows_nothing_of_the_input() {
    let lines = Lines::new(&b"secret"[..]);
    assert_eq!(format!("{lines:?}"), "Lines { line: 0, offset: 0, .. }");
}

proptest! {
    #[test]
    fn lines_are_what_splitting_gives(
        input in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
        size in 1..40_usize,
    ) {
        let (lines, next) = read(BufReader::with_capacity(size, &input[..]), MAX_LINE);
        prop_assert_eq!((lines, next.unwrap()), expected(&input));
    }

    #[test]
    fn a_limit_cuts_at_the_first_line_that_is_longer(
        lengths in prop::collection::vec(0..12_usize, 0..10),
        size in 1..40_usize,
        limit in 1..12_usize,
    ) {
        let input: Vec<u8> = lengths.iter().flat_map(|len| [vec![b'x'; *len], vec![b'\n']].concat()).collect();
        let good = lengths.iter().take_while(|len| **len < limit).count();
        let (lines, next) = read(BufReader::with_capacity(size, &input[..]), limit);
        prop_assert_eq!(lines.len(), good);
        prop_assert_eq!(next.is_err(), good < lengths.len());
    }

    #[test]
    fn hostile_entries_are_one_line_each(text in hostile::transcript(5), size in 1..40_usize) {
        let (lines, next) = read(BufReader::with_capacity(size, text.as_bytes()), MAX_LINE);
        prop_assert_eq!(next.unwrap(), Next::End);
        for line in &lines {
            prop_assert_eq!(crate::transcript::check_entry(line.strip_suffix(b"\n").unwrap()), Ok(()));
        }
        prop_assert_eq!(lines.concat(), text.into_bytes());
    }
}
