//! One test binary: linking the engine takes longer than most tests.

mod cancel;
mod contract;
mod sandbox;
