use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use crate::adapter::Usage;

/// How an adapter in the adapter directory is doing.
#[derive(Clone, Debug, Serialize)]
pub struct AdapterStatus {
    /// The name in the directory, without `.wasm`.
    pub name: String,
    /// Whether it takes part.
    pub state: AdapterState,
    /// Since when; in JSON as RFC 3339.
    #[serde(with = "humantime_serde")]
    pub since: SystemTime,
    /// Why it does not take part, or why what stands in the directory is not taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Hex SHA-256 of the component that is open, or was last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What it says it is: name and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// What the component imports, with versions.
    pub imports: Vec<String>,
    /// What it has used since it was opened, if it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How often what became of it, by [`super::AdapterChange::name`].
    pub events: BTreeMap<&'static str, u64>,
}

/// Whether an adapter takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AdapterState {
    /// It was found and is being compiled and opened.
    Opening,
    /// Calls go to it.
    Open,
    /// Calls go to the one that was opened last, for what stands in the directory is no adapter.
    LastGood,
    /// It cannot be opened, or is no adapter.
    Failed,
    /// Its component is gone from the directory.
    Removed,
}
