//! The durable mirror with real disks, real components, processes that are killed and destinations that fail.
//! `cargo xtask soak` runs the long forms.

mod fairness;
mod faults;
mod full_disk;
mod hangs;
mod kills;
mod outage;
mod torn;
mod writers;
