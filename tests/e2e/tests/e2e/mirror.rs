//! The durable mirror with real disks, real components, processes that are killed and destinations that fail.
//! `cargo xtask soak` runs the long forms.

mod kills;
mod outage;
