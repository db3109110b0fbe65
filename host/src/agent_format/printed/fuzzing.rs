//! Ways in for fuzz targets, which see only what is public.

use bytes::Bytes;

use super::{Output, Piece, frame};

/// What an agent printed, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What passes, put together.
    pub passed: Vec<u8>,
    /// The frames, in their order.
    pub frames: Vec<Vec<u8>>,
    /// How many turns ended.
    pub turns: usize,
    /// The sessions that were named.
    pub sessions: Vec<String>,
}

/// Takes apart what comes in pieces.
pub fn take_apart<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Taken {
    let mut output = Output::new();
    let mut taken = Taken::default();
    for piece in pieces {
        taken.add(output.feed(Bytes::copy_from_slice(piece)));
    }
    taken.add(output.end());
    taken
}

impl Taken {
    fn add(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Pass(bytes) => self.passed.extend_from_slice(&bytes),
                Piece::Frame(frame) | Piece::TooLong(frame) => self.frames.push(frame),
                Piece::TurnEnded => self.turns += 1,
                Piece::Session(session) => self.sessions.push(session),
            }
        }
    }
}

/// The file and the entries of a frame.
pub fn frame(bytes: &[u8]) -> Option<(String, Vec<String>)> {
    let frame = frame::parse(bytes)?;
    let entries = frame.entries.into_iter().map(str::to_owned).collect();
    Some((frame.file.into_owned(), entries))
}

/// The file that a torn frame names.
pub fn file_of_torn(bytes: &[u8]) -> Option<String> {
    frame::file_of_torn(bytes)
}
