//! Which streams began or grew: the mirror looks at these, and at no others.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::stream::Stream;

/// The streams that changed since they were last taken, each once.
#[derive(Debug)]
pub(super) struct ChangedStreams {
    streams: Mutex<Vec<Arc<Stream>>>,
    count: watch::Sender<u64>,
}

impl ChangedStreams {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            streams: Mutex::default(),
            count: watch::Sender::new(0),
        })
    }

    /// A stream has more than before, which can be seen already.
    pub(super) fn note(&self, stream: &Arc<Stream>) {
        if !stream.mark_changed(true) {
            self.lock().push(stream.clone());
        }
        self.count.send_modify(|count| *count += 1);
    }

    pub(super) fn take(&self) -> Vec<Arc<Stream>> {
        let streams = std::mem::take(&mut *self.lock());
        // In this order: what grows from here on is noted anew, what grew before is seen by the caller.
        for stream in &streams {
            stream.mark_changed(false);
        }
        streams
    }

    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Vec<Arc<Stream>>> {
        self.streams.lock()
    }
}
