use std::time::{Duration, Instant};

use crate::Error;

/// How long a piece takes: a third of the 30 s that a call has by default, so that a slow last step of it fits, too.
const LENGTH: Duration = Duration::from_secs(10);

/// A piece of a removal that may be too long for one call.
///
/// An adapter's `delete` stores its tombstone, begins a piece, and removes until there is nothing left or the piece
/// [is over](Piece::is_over). Then it returns [`Piece::more`]: the host makes the same call again at once.
///
/// ```
/// use mirrorbox_adapter::{Piece, Result};
///
/// fn remove(objects: &mut Vec<u64>) -> Result<()> {
///     let piece = Piece::begin();
///     while let Some(_object) = objects.pop() {
///         // Remove it. Looked at after the work and not before it, each piece comes further.
///         if piece.is_over() && !objects.is_empty() {
///             return Err(Piece::more());
///         }
///     }
///     Ok(())
/// }
/// # assert_eq!(remove(&mut vec![1, 2, 3]), Ok(()));
/// ```
#[derive(Debug)]
pub struct Piece {
    began: Instant,
    length: Duration,
}

impl Piece {
    /// One of ten seconds.
    pub fn begin() -> Self {
        Self::of(LENGTH)
    }

    /// One of another length: for tests.
    pub fn of(length: Duration) -> Self {
        Self {
            began: Instant::now(),
            length,
        }
    }

    /// Whether the call should answer now.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= self.length
    }

    /// The answer of a `delete` whose tombstone stands and that has more to remove.
    pub const fn more() -> Error {
        Error::Throttled(Duration::ZERO)
    }
}
