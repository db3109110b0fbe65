//! Which components are taken for adapters, what they may do, and what waits until a person has approved it.

// `cfg(test)` is what lets the lints see that all of it is test code.
#[cfg(test)]
mod component;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod report;
#[cfg(test)]
mod running;
#[cfg(test)]
mod waiting;
