//! The mirror on stores that fail as they are told, with a clock that runs as fast as it can.

mod basics;
mod compare;
mod fairness;
pub(crate) mod fixture;
mod found;
mod later;
mod look;
mod options;
mod order;
mod pieces;
mod scale;
pub(crate) mod simulation;
