//! One test binary: linking the engine takes longer than most tests.

// `cfg(test)` is what lets the lints see that all of it is test code.
#[cfg(test)]
mod agent;
#[cfg(test)]
mod backends;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bytes;
#[cfg(test)]
mod checking;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod image;
#[cfg(test)]
mod left_behind;
#[cfg(test)]
mod mirror;
#[cfg(test)]
mod network;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod recipes;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod story;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod upgrade;
