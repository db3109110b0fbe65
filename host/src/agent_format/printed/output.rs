//! Splits the agent's standard output into frames and the bytes that pass, however it is cut into reads.

use std::mem;

use bytes::Bytes;

use crate::transcript::MAX_LINE;

/// How a frame begins, to the byte: the agent writes its members in this order.
const FRAME: &[u8] = br#"{"type":"transcript_mirror""#;

/// Somewhere in the line that ends a turn. Inside a string the quotes would be escaped.
const RESULT: &[u8] = br#""type":"result""#;

/// Before the session's id, in most lines.
const SESSION: &[u8] = br#""session_id":""#;

/// How far into a line the session's id is looked for.
const HEAD: usize = 64 << 10;

/// Something that the agent printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// To be passed on to the caller that started the agent.
    Pass(Bytes),
    /// A frame, without its line feed where it has one.
    Frame(Vec<u8>),
    /// A frame longer than any can be, of which this is the beginning.
    TooLong(Vec<u8>),
    /// The line that ends a turn was the last to pass.
    TurnEnded,
    /// A line named the session that is running. Told once.
    Session(String),
}

/// Takes the mirror's frames out of what the agent prints. All else passes as it comes, byte by byte if need be.
///
/// Only a line that begins as a frame is gathered, up to [`MAX_LINE`]: nothing else waits for its end.
#[derive(Debug)]
pub(crate) struct Output {
    line: Line,
    limit: usize,
    is_session_told: bool,
}

/// The line that is being read.
#[derive(Debug)]
enum Line {
    /// So much of it is there, and all of it is the beginning of [`FRAME`].
    Begun(usize),
    Frame(Vec<u8>),
    TooLong,
    Other(PassingLine),
}

/// A line that passes.
#[derive(Debug, Default)]
struct PassingLine {
    is_result: bool,
    /// The end of what has passed: the mark may lie across two pieces.
    last: Vec<u8>,
    head: Vec<u8>,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self::with_limit(MAX_LINE)
    }

    fn with_limit(limit: usize) -> Self {
        Self {
            line: Line::Begun(0),
            limit,
            is_session_told: false,
        }
    }

    /// What some more bytes bring.
    pub(crate) fn feed(&mut self, mut bytes: Bytes) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1);
            self.part(bytes.split_to(end), &mut pieces);
        }
        pieces
    }

    /// What is left when there are no more bytes: a frame that nobody finished is given as it is.
    pub(crate) fn end(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Line::Begun(seen @ 1..) = self.line {
            pieces.push(Piece::Pass(beginning(seen)));
        }
        self.finish(&mut pieces);
        pieces
    }

    /// Takes some of one line, with its line feed or without.
    fn part(&mut self, part: Bytes, pieces: &mut Vec<Piece>) {
        let is_whole = part.last() == Some(&b'\n');
        if let Line::Begun(seen) = self.line {
            self.line = begin(seen, &part, pieces);
        }
        match &mut self.line {
            Line::Begun(_) | Line::TooLong => {}
            Line::Frame(frame) if frame.len() + part.len() > self.limit => {
                frame.truncate(HEAD);
                pieces.push(Piece::TooLong(mem::take(frame)));
                self.line = Line::TooLong;
            }
            Line::Frame(frame) => frame.extend_from_slice(&part),
            Line::Other(other) => {
                other.look(&part, !self.is_session_told);
                pieces.push(Piece::Pass(part));
            }
        }
        if is_whole {
            self.finish(pieces);
        }
    }

    /// The line has ended.
    fn finish(&mut self, pieces: &mut Vec<Piece>) {
        match mem::replace(&mut self.line, Line::Begun(0)) {
            Line::Begun(_) | Line::TooLong => {}
            Line::Frame(mut frame) => {
                if frame.last() == Some(&b'\n') {
                    frame.pop();
                }
                pieces.push(Piece::Frame(frame));
            }
            Line::Other(other) => {
                if !self.is_session_told
                    && let Some(session) = session(&other.head)
                {
                    self.is_session_told = true;
                    pieces.push(Piece::Session(session));
                }
                if other.is_result {
                    pieces.push(Piece::TurnEnded);
                }
            }
        }
    }
}

/// What a line is whose first bytes are `seen` of [`FRAME`] and then these.
fn begin(seen: usize, part: &[u8], pieces: &mut Vec<Piece>) -> Line {
    let wanted = FRAME.get(seen..).unwrap_or_default();
    let common = wanted.len().min(part.len());
    if part.get(..common) != wanted.get(..common) {
        if seen > 0 {
            pieces.push(Piece::Pass(beginning(seen)));
        }
        let mut other = PassingLine::default();
        other.look(&beginning(seen), true);
        return Line::Other(other);
    }
    match common == wanted.len() {
        true => Line::Frame(beginning(seen).to_vec()),
        false => Line::Begun(seen + common),
    }
}

fn beginning(len: usize) -> Bytes {
    Bytes::from_static(FRAME.get(..len).unwrap_or_default())
}

impl PassingLine {
    fn look(&mut self, part: &[u8], for_session: bool) {
        if for_session {
            let room = HEAD - self.head.len();
            self.head.extend_from_slice(part.get(..room).unwrap_or(part));
        }
        if self.is_result {
            return;
        }
        let overlap = RESULT.len() - 1;
        self.last.extend_from_slice(part.get(..overlap).unwrap_or(part));
        self.is_result = holds_result(&self.last) || holds_result(part);
        let end = if part.len() > overlap { part } else { &self.last };
        self.last = end.get(end.len().saturating_sub(overlap)..).unwrap_or(end).to_vec();
    }
}

fn holds_result(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, RESULT).is_some()
}

fn session(head: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(head, SESSION)? + SESSION.len();
    let rest = head.get(at..)?;
    let id = rest.get(..memchr::memchr(b'"', rest)?)?;
    let is_plain = id.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    (is_plain && !id.is_empty()).then(|| String::from_utf8_lossy(id).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes, and what does not, of bytes that come in pieces of this size.
    fn split(bytes: &[u8], size: usize) -> (Vec<u8>, Vec<Piece>) {
        let mut output = Output::with_limit(200);
        let mut pieces: Vec<_> = bytes
            .chunks(size)
            .flat_map(|chunk| output.feed(Bytes::copy_from_slice(chunk)))
            .collect();
        pieces.extend(output.end());
        let mut passed = Vec::new();
        pieces.retain(|piece| match piece {
            Piece::Pass(bytes) => {
                passed.extend_from_slice(bytes);
                false
            }
            _ => true,
        });
        (passed, pieces)
    }

    const PRINTED: &str = concat!(
        "plain text\r\n\n",
        "{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"7b1f\"}\n",
        "{\"type\":\"transcript_mirror\",\"filePath\":\"/p/s.jsonl\",\"entries\":[{\"a\":\"\\n\"}]}\n",
        "{\"type\":\"transcript_mirrors\",\"x\":1}\n",
        "{\"type\":\"tra\n",
        "{\"text\":\"\\\"type\\\":\\\"result\\\"\"}\n",
        "{\"cost\":1,\"type\":\"result\",\"session_id\":\"other\"}\n",
        "{\"type\":\"transcript_mirror\",\"filePath\":",
    );

    #[test]
    fn frames_are_taken_out_wherever_the_bytes_are_cut() {
        let lines: Vec<_> = PRINTED.split_inclusive('\n').collect();
        let [frame, torn] = [lines[3], lines[8]];
        let expected: String = lines
            .iter()
            .filter(|line| **line != frame && **line != torn)
            .copied()
            .collect();
        for size in 1..PRINTED.len() + 1 {
            let (passed, pieces) = split(PRINTED.as_bytes(), size);
            assert_eq!(String::from_utf8(passed).unwrap(), expected, "in pieces of {size}");
            let expected = [
                Piece::Session("7b1f".into()),
                Piece::Frame(frame.trim_end().into()),
                Piece::TurnEnded,
                Piece::Frame(torn.into()),
            ];
            assert_eq!(pieces, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_cannot_become_a_frame_does_not_wait_for_its_end() {
        let mut output = Output::new();
        assert_eq!(output.feed("{\"type\":".into()), []);
        assert_eq!(
            output.feed("\"user".into()),
            [Piece::Pass("{\"type\":".into()), Piece::Pass("\"user".into())]
        );
        assert_eq!(output.feed(" goes on".into()), [Piece::Pass(" goes on".into())]);
    }

    #[test]
    fn a_frame_that_grows_too_long_is_let_go_and_what_follows_is_read() {
        let long = format!("{{\"type\":\"transcript_mirror\",\"filePath\":\"{}\n", "x".repeat(300));
        for size in [1, 7, 64, 400] {
            let (passed, pieces) = split(format!("{long}after\n").as_bytes(), size);
            assert_eq!(passed, b"after\n");
            assert!(
                matches!(&*pieces, [Piece::TooLong(head)] if head.len() <= 200),
                "{pieces:?}"
            );
        }
    }
}
