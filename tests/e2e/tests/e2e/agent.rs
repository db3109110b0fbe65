//! Agents that are run, stopped and gone on with: the real command against a stand-in for the model.

mod cost;
mod crashes;
mod frames;
mod outages;
mod resumed;
mod shutdown;
mod story;
mod tasks;
