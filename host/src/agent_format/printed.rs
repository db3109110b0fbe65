//! What an agent prints, taken apart: the mirror's frames, and everything else. No I/O.

pub(crate) mod frame;
#[cfg(fuzzing)]
pub mod fuzzing;
mod output;

pub(crate) use output::{Output, Piece};
