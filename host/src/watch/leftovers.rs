//! What killed runs left, while `watch` follows the same files.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::look::Tally;
use crate::agent::{Leftovers, OnEvent};
use crate::host::Host;
use crate::session::blocking;

/// How often it is looked for what killed runs left.
const LEFTOVERS: Duration = Duration::from_secs(10);

/// Takes up what runs left that were killed, beside everything else. An agent that outlived its run is not waited for.
pub(super) async fn pick_up(host: &Host, state: PathBuf, tally: Arc<Tally>) {
    loop {
        sleep(LEFTOVERS).await;
        let state = state.clone();
        match blocking(move || Leftovers::look_for_ended(&state)).await {
            Ok(left) if left.is_empty() => {}
            Ok(left) => {
                // It is in the log.
                let on_event: OnEvent = Arc::new(|_| ());
                let picked_up = left.pick_up(host, Duration::ZERO, &on_event).await;
                // What the runs had spooled is delivered from now on, too.
                host.adopt_again();
                tally.entries.fetch_add(picked_up.entries, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!("cannot look at what runs left: {error}"),
        }
    }
}
