//! Following as a whole, on files that are written to, rewritten and lost, beside everything else that may happen.

mod beside;
mod records;
mod simulation;
