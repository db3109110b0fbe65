//! `mirrorbox watch`: the real binary, real files that grow and change, and what reaches a destination.

// `cfg(test)` is what lets the lints see that all of it is test code.
#[cfg(test)]
mod agents;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod following;
#[cfg(test)]
mod healthy;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod overlaps;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod service;
#[cfg(test)]
mod unsteady;
#[cfg(test)]
mod watcher;
