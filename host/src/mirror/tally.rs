//! Keeps the counts of events on disk, for other processes to read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use super::on_disk;
use super::shared::Shared;

/// Events come in crowds: one writing for all of them.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(shared: Arc<Shared>) {
    let mut events = shared.listeners.subscribe();
    while !matches!(events.recv().await, Err(RecvError::Closed)) {
        tokio::time::sleep(PAUSE).await;
        events = events.resubscribe();
        on_disk(|| write(&shared));
    }
}

/// Writes the counts down as they are now, under this process's writer.
pub(super) fn write(shared: &Shared) {
    let Some(writer) = shared.writer() else { return };
    for destination in shared.all_destinations() {
        let events = destination.announcer.counts().events;
        if !events.is_empty() {
            shared.cursors.save_events(&destination.name, &writer, &events);
        }
    }
}
