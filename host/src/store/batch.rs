//! Batches, their origins and positions, and the digest chain that ties them together.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::key::SessionKey;
use crate::transcript;

/// The most that one batch may hold, in bytes: 128 MiB, one line of the greatest length.
pub const MAX_PAYLOAD: usize = transcript::MAX_LINE;

/// The most entries that the host cuts into one batch, and a spool into one chunk.
pub const BATCH_ENTRIES: u64 = 500;

/// The most bytes that the host cuts into one batch, but for one that holds a single larger entry: 1 MiB.
pub const BATCH_BYTES: usize = 1 << 20;

/// What a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Lines of the transcript.
    Entries,
    /// A host takes the stream over. No payload.
    Claim,
    /// Everything before was deleted. No payload.
    Tombstone,
}

impl Kind {
    /// Its name in `adapter.wit` and in the digest.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Entries => "entries",
            Kind::Claim => "claim",
            Kind::Tombstone => "tombstone",
        }
    }
}

/// Whose a batch is, whatever it says: the writer that made it and the number of its first line in that writer's own
/// copy of the stream, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The writer's random identity.
    pub writer: String,
    /// The first line, from 1.
    pub line: u64,
}

/// How fast payloads move at least, in bytes a second: 1 Mbit/s. A slower line does not keep up with an agent either.
const SLOWEST: u64 = 125_000;

/// How much longer than its limit a call may take that moves so many bytes of payload: a second for each Mbit, so that
/// the largest payload gets through on a slow line and is not begun again and again.
pub fn time_to_move(payload: usize) -> Duration {
    Duration::from_micros((payload as u64).saturating_mul(1_000_000 / SLOWEST))
}

/// Consecutive lines of one stream from one writer: the unit of delivery.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    /// Place in the log, from 1; never used twice.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub origin: Origin,
    /// Chains it to the batch before and to the key.
    pub digest: Digest,
    /// JSON Lines, each ended by LF; empty unless `kind` is [`Kind::Entries`].
    pub payload: Bytes,
}

impl fmt::Debug for Batch {
    /// Without the payload: it is a user's conversation, and may be 128 MiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("number", &self.number)
            .field("kind", &self.kind)
            .field("origin", &self.origin)
            .field("digest", &self.digest)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

impl Batch {
    /// Where this batch stands in its log.
    pub fn position(&self) -> Position {
        Position {
            number: self.number,
            digest: self.digest,
        }
    }
}

/// The last batch of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: Digest,
}

/// SHA-256, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// Text that is not a [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hex digits")]
pub struct ParseDigestError;

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, ParseDigestError> {
        text.parse()
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(ParseDigestError),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(ParseDigestError);
        }
        let mut digest = [0; 32];
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(digest))
    }
}

/// A batch that has no number yet.
#[derive(Clone, Debug)]
pub struct BatchDraft {
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub origin: Origin,
    /// Its lines.
    pub payload: Bytes,
}

/// The chain of digests along one stream: where it stands, and what the next batch must be.
///
/// A digest is SHA-256 over the length-prefixed previous digest, number, kind, writer, line and SHA-256 of the payload.
/// The first batch, and every tombstone, has the key's own digest as its previous one: a stream that was cut short by
/// a delete can still be told from another stream's.
///
/// ```
/// use mirrorbox::{key::SessionKey, store::{BatchDraft, Chain, Kind, Origin}};
///
/// let key = SessionKey::main("project", "session")?;
/// let mut ours = Chain::start(&key);
/// let batch = ours.next(BatchDraft {
///     kind: Kind::Entries,
///     origin: Origin { writer: "w".into(), line: 1 },
///     payload: "{}\n".into(),
/// });
/// assert_eq!(batch.number, 1);
/// assert!(Chain::start(&key).follows(&batch));
/// assert!(!Chain::start(&SessionKey::main("project", "other")?).follows(&batch));
/// # Ok::<(), mirrorbox::key::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    seed: Digest,
    number: u64,
    digest: Digest,
}

impl Chain {
    /// Before the first batch of a stream.
    pub fn start(key: &SessionKey) -> Self {
        let seed = seed(key);
        Self {
            seed,
            number: 0,
            digest: seed,
        }
    }

    /// After the batch at `position`.
    pub fn at(key: &SessionKey, position: Position) -> Self {
        Self {
            seed: seed(key),
            number: position.number,
            digest: position.digest,
        }
    }

    /// The number of the last batch; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The last batch; none before the first.
    pub fn position(&self) -> Option<Position> {
        (self.number > 0).then_some(Position {
            number: self.number,
            digest: self.digest,
        })
    }

    /// Gives a draft the next number and its digest, without moving on: [`Chain::advance`] once it is stored.
    pub fn number_draft(&self, draft: BatchDraft) -> Batch {
        let BatchDraft { kind, origin, payload } = draft;
        let mut batch = Batch {
            number: self.number + 1,
            kind,
            origin,
            digest: self.seed,
            payload,
        };
        batch.digest = self.digest_of(&batch);
        batch
    }

    /// Gives a draft the next number and its digest, and moves on behind it.
    pub fn next(&mut self, draft: BatchDraft) -> Batch {
        let batch = self.number_draft(draft);
        self.advance(&batch);
        batch
    }

    /// Whether this batch, whatever its number, has the digest that it must have behind the last one.
    pub fn follows(&self, batch: &Batch) -> bool {
        batch.digest == self.digest_of(batch)
    }

    /// Moves on behind a batch.
    pub fn advance(&mut self, batch: &Batch) {
        self.number = batch.number;
        self.digest = batch.digest;
    }

    fn digest_of(&self, batch: &Batch) -> Digest {
        let previous = match batch.kind {
            Kind::Tombstone => self.seed,
            Kind::Entries | Kind::Claim => self.digest,
        };
        hash_parts([
            previous.0.as_slice(),
            &batch.number.to_be_bytes(),
            batch.kind.name().as_bytes(),
            batch.origin.writer.as_bytes(),
            &batch.origin.line.to_be_bytes(),
            &Sha256::digest(&batch.payload),
        ])
    }
}

/// A missing subpath is left out, an empty one cannot be: no two keys give the same parts.
fn seed(key: &SessionKey) -> Digest {
    hash_parts(
        [key.project_key(), key.session_id()]
            .into_iter()
            .chain(key.subpath())
            .map(str::as_bytes),
    )
}

fn hash_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Digest(hasher.finalize().into())
}
