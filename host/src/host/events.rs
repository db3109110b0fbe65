//! The events of the mirror, the spool and the adapter directory, as a program that embeds the library gets them.

use tokio::sync::broadcast::{self, error::RecvError};

use super::AdapterEvent;
use crate::mirror::Event;
use crate::spool::Alarm;

/// Something that must not pass in silence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HostEvent {
    /// At a destination.
    Mirror(Event),
    /// On the local disk.
    Spool(Alarm),
    /// In the adapter directory.
    Adapter(AdapterEvent),
    /// So many events were missed: the listener was too slow. [`super::Host::status`] says how things stand.
    Missed(u64),
}

/// What happens, from when it was asked for. Bounded: a slow reader gets the number of events that it missed.
#[derive(Debug)]
pub struct Events {
    mirror: broadcast::Receiver<Event>,
    spool: broadcast::Receiver<Alarm>,
    adapters: broadcast::Receiver<AdapterEvent>,
}

impl Events {
    pub(super) fn new(
        mirror: broadcast::Receiver<Event>,
        spool: broadcast::Receiver<Alarm>,
        adapters: broadcast::Receiver<AdapterEvent>,
    ) -> Self {
        Self {
            mirror,
            spool,
            adapters,
        }
    }

    /// The next event; none once the host is no more. Under any executor; dropped, it loses none.
    pub async fn next(&mut self) -> Option<HostEvent> {
        tokio::select! {
            biased;
            Some(event) = told(self.mirror.recv(), HostEvent::Mirror) => Some(event),
            Some(event) = told(self.spool.recv(), HostEvent::Spool) => Some(event),
            Some(event) = told(self.adapters.recv(), HostEvent::Adapter) => Some(event),
            // Each of them has ended.
            else => None,
        }
    }

    /// [`Events::next`] for callers without async.
    pub fn next_blocking(&mut self) -> Option<HostEvent> {
        crate::block_on::block_on(self.next())
    }
}

async fn told<T>(
    received: impl Future<Output = Result<T, RecvError>>,
    event: impl FnOnce(T) -> HostEvent,
) -> Option<HostEvent> {
    match received.await {
        Ok(received) => Some(event(received)),
        Err(RecvError::Lagged(missed)) => Some(HostEvent::Missed(missed)),
        Err(RecvError::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    const PAGE: &str = include_str!("../../../docs/events.md");

    /// The names of events that a file of code has.
    fn names(code: &str) -> Vec<&str> {
        let arms = code
            .lines()
            .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","));
        arms.collect()
    }

    #[test]
    fn the_page_explains_every_event_and_no_other() {
        let mirror = names(include_str!("../mirror/event.rs"));
        let adapters = names(include_str!("adapters/event.rs"));
        assert!(mirror.len() >= 12 && adapters.len() >= 7, "{mirror:?} {adapters:?}");
        let [of_destinations, of_adapters] = ["Of a destination", "Of an adapter"].map(|heading| {
            let (_, section) = PAGE.split_once(&format!("## {heading}\n")).unwrap();
            let section = section.split("\n## ").next().unwrap();
            let rows = section
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
            rows.map(|(name, _)| name).collect::<Vec<_>>()
        });
        for (mut on_page, mut in_code) in [(of_destinations, mirror), (of_adapters, adapters)] {
            on_page.sort_unstable();
            in_code.sort_unstable();
            assert_eq!(on_page, in_code);
        }
    }
}
