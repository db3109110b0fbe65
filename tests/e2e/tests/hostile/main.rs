//! Hostile components: whatever one does, the host lives, the others are served, and the report names it.

// `cfg(test)` is what lets the lints see that all of it is test code.
#[cfg(test)]
mod audit;
#[cfg(test)]
mod breakouts;
#[cfg(test)]
mod compiling;
#[cfg(test)]
mod crash_loops;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod grounds;
#[cfg(test)]
mod hoarders;
#[cfg(test)]
mod liars;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod namespaces;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod raw_answers;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod reserve;
#[cfg(test)]
mod runaways;
#[cfg(test)]
mod unlinked;
#[cfg(test)]
mod usual_time;
#[cfg(test)]
mod witness;
