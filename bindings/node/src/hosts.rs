use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::host::{Host, HostError, SessionStore};
use mirrorbox::mirror::Undelivered;
use mirrorbox_bindings::{Failure, while_away};
use parking_lot::Mutex;
use tokio::sync::watch;

/// What a host is opened on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Directories {
    pub(crate) config: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) answer_from_here: bool,
}

/// A host that is open, until its last user releases it.
#[derive(Debug)]
pub(crate) struct Opened {
    directories: Directories,
    /// `None` once it is closed: JavaScript keeps objects for as long as it likes, and the spool is to be others' by
    /// then.
    host: Mutex<Option<(Host, SessionStore)>>,
    /// A call that is under way outlives it, so events do, too: who listens is woken by this.
    is_closed: watch::Sender<bool>,
}

/// A host and how many threads of JavaScript use it; the lock is held while it is being opened.
type Place = Arc<tokio::sync::Mutex<Option<(Arc<Opened>, usize)>>>;

/// The hosts of this process. Its threads of JavaScript share them: each has one spool and one pool of instances.
static PLACES: Mutex<BTreeMap<Directories, Place>> = Mutex::new(BTreeMap::new());

fn place(directories: &Directories) -> Place {
    PLACES.lock().entry(directories.clone()).or_default().clone()
}

impl Opened {
    pub(crate) fn with<T>(&self, ask: impl FnOnce(&Host) -> T) -> Result<T, Failure> {
        let host = self.host.lock();
        host.as_ref().map(|(host, _)| ask(host)).ok_or_else(Failure::closed)
    }

    pub(crate) fn store(&self) -> Result<SessionStore, Failure> {
        let host = self.host.lock();
        host.as_ref()
            .map(|(_, store)| store.clone())
            .ok_or_else(Failure::closed)
    }

    /// Returns once it is closed.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_closed = self.is_closed.subscribe();
        async move {
            // An error says that it is gone, closed or not.
            let _ = is_closed.wait_for(|is_closed| *is_closed).await;
        }
    }

    fn take(&self) -> Option<Host> {
        self.is_closed.send_replace(true);
        self.host.lock().take().map(|(host, _)| host)
    }
}

/// The host of these directories for one more user, opened by the first.
pub(crate) async fn open(directories: Directories, command: Option<PathBuf>) -> Result<Arc<Opened>, Failure> {
    let place = place(&directories);
    let mut place = place.lock().await;
    if let Some((opened, users)) = &mut *place {
        *users += 1;
        return Ok(opened.clone());
    }
    let Directories { config, state, .. } = &directories;
    let host = mirrorbox_bindings::host(config, state, command)?.build().await?;
    let store = host
        .session_store()
        .while_away(while_away(directories.answer_from_here));
    let opened = Arc::new(Opened {
        directories,
        host: Mutex::new(Some((host, store))),
        is_closed: watch::Sender::new(false),
    });
    *place = Some((opened.clone(), 1));
    Ok(opened)
}

/// One user less; the last one closes the host, which delivers for so long at most. `None` where it goes on.
pub(crate) async fn release(opened: &Opened, most: Duration) -> Result<Option<Undelivered>, HostError> {
    let place = place(&opened.directories);
    let mut place = place.lock().await;
    let Some((_, users)) = &mut *place else { return Ok(None) };
    *users -= 1;
    if *users > 0 {
        return Ok(None);
    }
    *place = None;
    // An `open` meanwhile waits: two hosts of one process would deliver the same lines.
    match opened.take() {
        Some(host) => host.close(most).await.map(Some),
        None => Ok(None),
    }
}

/// Closes every host, at the end of the process; what each leaves, with its state directory. Blocks.
pub(crate) fn close_all(most: Duration) -> Vec<(PathBuf, Result<Undelivered, HostError>)> {
    let places = std::mem::take(&mut *PLACES.lock());
    // One that is being opened is not waited for: nothing was accepted by it.
    let opened = places.values().filter_map(|place| place.try_lock().ok()?.take());
    let closed = opened.filter_map(|(opened, _)| {
        let left = opened.take()?.close_blocking(most);
        Some((opened.directories.state.clone(), left))
    });
    closed.collect()
}
