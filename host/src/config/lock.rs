//! `adapters.lock`: what each adapter was last approved with, so that a component or a manifest that asks for more
//! waits until a person has approved it.
//!
//! | module | what |
//! | --- | --- |
//! | `permissions`, `limits` | what a component imports and its manifest grants, and whether that is more than before |
//! | `content` | the file's text, read and written |
//! | `approvals` | the file of a configuration directory: asked before an adapter opens, written before and after |
//!
//! The file is made for review: sorted, one permission a line, and written only when something has changed. Where
//! secrets come from is a permission, and so is a limit above its default. Other settings are no part of it, and no
//! secret is.

mod approvals;
mod content;
mod limits;
mod permissions;

pub(super) use approvals::NAME;
pub use approvals::{Admission, Approvals};
pub use permissions::{Difference, Permissions};

use super::ConfigError;
use content::Content;

/// What the lock says of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockEntry {
    /// Hex SHA-256 of the component.
    pub sha256: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Whether an instance of it was made, and none has opened yet.
    pub tried: bool,
}

/// How an adapter stands to what was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was approved under this name yet. A component under a new name is trusted once.
    New,
    /// Exactly what was approved.
    Same,
    /// Another component, or other grants, that may do no more than before.
    Changed(Difference),
    /// It may do what was not approved.
    Wider(Difference),
}

/// Why an adapter is not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It may do what nobody approved.
    #[error(
        "`{name}` waits for approval: it may do more than adapters.lock says\n  {}\nif that is meant, run `mirrorbox \
         adapters approve {name}`; until then it stays closed",
        .more.join("\n  ")
    )]
    Waiting {
        /// The adapter.
        name: String,
        /// What is new, one line each as it stands in the lock.
        more: Vec<String>,
    },
    /// The lock cannot be read.
    #[error("{0}; mend that, or remove adapters.lock: without it, every adapter is taken as it is when it next opens")]
    Unreadable(ConfigError),
}

impl LockEntry {
    /// Holds this against what was approved before.
    pub fn verdict(&self, approved: Option<&LockEntry>) -> Verdict {
        let Some(approved) = approved else {
            return Verdict::New;
        };
        let is_same_component = self.sha256 == approved.sha256;
        if is_same_component && self.permissions == approved.permissions {
            return Verdict::Same;
        }
        if is_same_component && self.permissions.follow_older(&approved.permissions) {
            return Verdict::Changed(Difference::default());
        }
        let difference = self.permissions.difference(&approved.permissions);
        match difference.more.is_empty() {
            true => Verdict::Changed(difference),
            false => Verdict::Wider(difference),
        }
    }
}

#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(test)]
mod tests;
