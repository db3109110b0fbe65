use tokio::sync::broadcast::{self, error::RecvError};

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
    /// So many events were missed: whoever listens was too slow. [`super::Host::status`] says how things stand.
    Missed(u64),
}

/// What happens, from when it was asked for. Bounded: a slow reader is told how many events it missed.
#[derive(Debug)]
pub struct Events {
    mirror: broadcast::Receiver<Event>,
    spool: broadcast::Receiver<Alarm>,
}

impl Events {
    pub(super) fn new(mirror: broadcast::Receiver<Event>, spool: broadcast::Receiver<Alarm>) -> Self {
        Self { mirror, spool }
    }

    /// The next event; none once the host is no more. Under any executor; dropped, it loses none.
    pub async fn next(&mut self) -> Option<HostEvent> {
        let (event, other_ended) = tokio::select! {
            biased;
            event = self.mirror.recv() => (told(event, HostEvent::Mirror), false),
            alarm = self.spool.recv() => (told(alarm, HostEvent::Spool), true),
        };
        match event {
            Some(event) => Some(event),
            None if other_ended => told(self.mirror.recv().await, HostEvent::Mirror),
            None => told(self.spool.recv().await, HostEvent::Spool),
        }
    }

    /// [`Events::next`] for callers without async.
    pub fn next_blocking(&mut self) -> Option<HostEvent> {
        crate::block_on::block_on(self.next())
    }
}

fn told<T>(received: Result<T, RecvError>, event: impl FnOnce(T) -> HostEvent) -> Option<HostEvent> {
    match received {
        Ok(received) => Some(event(received)),
        Err(RecvError::Lagged(missed)) => Some(HostEvent::Missed(missed)),
        Err(RecvError::Closed) => None,
    }
}
