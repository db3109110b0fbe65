//! What processes of `appender` appended.

use std::collections::BTreeMap;

/// What a process appended.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its name in the entries.
    pub name: String,
    /// Its writer's identity.
    pub writer: String,
    /// By session, how many entries were acknowledged.
    pub acked: BTreeMap<String, u64>,
}

impl Run {
    /// All that was acknowledged.
    pub fn total(&self) -> u64 {
        self.acked.values().sum()
    }
}
