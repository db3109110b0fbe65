mod delivery;
mod dropped;
mod events;
mod executors;
mod fixture;
mod keeping;
mod names;
mod notes;
