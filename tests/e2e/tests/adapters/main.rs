//! The adapter directory of a host that runs: real components come, change and go.

// `cfg(test)` is what lets the lints see that all of it is test code.
#[cfg(test)]
mod coming;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod going_back;
#[cfg(test)]
mod named;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod watched;
