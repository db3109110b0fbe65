//! Adapters that stand in the configuration and take no part: what is mirrored does not reach them.

use mirrorbox::config::Config;
use mirrorbox::host::{AdapterState, AdapterStatus, Host};
use serde::Serialize;

use crate::output::say;

/// An adapter that no host would open, for programs: as the status of one that a host could not.
#[derive(Debug, Serialize)]
pub(super) struct Unusable {
    pub(super) name: String,
    state: AdapterState,
    pub(super) cause: String,
}

/// Those of a host.
pub(super) fn of(host: &Host) -> Vec<AdapterStatus> {
    let is_absent = |adapter: &AdapterStatus| matches!(adapter.state, AdapterState::Failed | AdapterState::Removed);
    host.adapters().into_iter().filter(is_absent).collect()
}

pub(super) fn tell(absent: &[AdapterStatus]) {
    for adapter in absent {
        // A component that was removed is no error, and has no cause of its own.
        let cause = adapter.cause.as_deref().unwrap_or("its component is gone");
        say(format_args!(
            "warning: adapter `{}` takes no part: {cause}",
            adapter.name
        ));
    }
}

/// Those with whose files something is wrong.
pub(super) fn in_directory(config: &Config) -> Vec<Unusable> {
    let refused = config.refused.iter();
    let unusable = refused.map(|(name, cause)| Unusable {
        name: name.clone(),
        state: AdapterState::Failed,
        cause: cause.clone(),
    });
    unusable.collect()
}
