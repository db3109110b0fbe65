mod dead;
mod delivery;
mod dropped;
mod events;
mod executors;
pub(super) mod fixture;
mod keeping;
mod names;
mod notes;
