use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
}

/// A host that is open, until its last user releases it.
#[derive(Debug)]
pub(crate) struct Opened {
    directories: Directories,
    /// `None` once it is closed: JavaScript keeps objects for as long as it likes, and the spool is to be others' by
    /// then.
    host: Mutex<Option<(Host, SessionStore)>>,
    users: AtomicUsize,
    /// A call that is under way outlives it, so events do, too: who listens is woken by this.
    is_closed: watch::Sender<bool>,
}

/// One thread of JavaScript that uses a host. Dropped, it uses it no more: a worker thread may end without a word.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) opened: Arc<Opened>,
    is_released: AtomicBool,
}

/// A host; the lock is held while it is being opened or closed.
type Place = Arc<tokio::sync::Mutex<Option<Arc<Opened>>>>;

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

    /// Its sessions, for a store that answers so while no destination does.
    pub(crate) fn store(&self, answer_from_here: bool) -> Result<SessionStore, Failure> {
        let host = self.host.lock();
        // One for all: it remembers what was read, for what is appended behind that.
        let store = host.as_ref().map(|(_, store)| store.clone());
        Ok(store
            .ok_or_else(Failure::closed)?
            .while_away(while_away(answer_from_here)))
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
        self.host.lock().take().map(|(host, _)| host)
    }
}

impl User {
    fn of(opened: Arc<Opened>) -> Self {
        opened.users.fetch_add(1, Ordering::AcqRel);
        Self {
            opened,
            is_released: AtomicBool::new(false),
        }
    }

    /// Whether it was the last one.
    fn leave(&self) -> bool {
        !self.is_released.swap(true, Ordering::AcqRel) && self.opened.users.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Behind the last one the host stays open, for the next or for the end of the process: here is no time for it.
        self.leave();
    }
}

/// The host of these directories for one more user, opened by the first.
pub(crate) async fn open(directories: Directories, command: Option<PathBuf>) -> Result<User, Failure> {
    let place = place(&directories);
    let mut place = place.lock().await;
    if let Some(opened) = &*place {
        return Ok(User::of(opened.clone()));
    }
    let Directories { config, state } = &directories;
    let host = mirrorbox_bindings::host(Some(config), state, command)?.build().await?;
    let store = host.session_store();
    let opened = Arc::new(Opened {
        directories,
        host: Mutex::new(Some((host, store))),
        users: AtomicUsize::new(0),
        is_closed: watch::Sender::new(false),
    });
    *place = Some(opened.clone());
    Ok(User::of(opened))
}

/// One user less; the last one closes the host, which delivers for so long at most. `None` where it goes on.
pub(crate) async fn release(user: Arc<User>, most: Duration) -> Result<Option<Undelivered>, HostError> {
    let place = place(&user.opened.directories);
    // An `open` meanwhile waits: two hosts of one process would deliver the same lines.
    let mut place = place.lock().await;
    if !user.leave() {
        return Ok(None);
    }
    *place = None;
    let Some(host) = user.opened.take() else {
        return Ok(None);
    };
    let left = host.close(most).await;
    // Events of the last deliveries are told, too.
    user.opened.is_closed.send_replace(true);
    left.map(Some)
}

/// Closes every host, at the end of the process; what each leaves, with its state directory. Blocks.
pub(crate) fn close_all(most: Duration) -> Vec<(PathBuf, Result<Undelivered, HostError>)> {
    let places = std::mem::take(&mut *PLACES.lock());
    // One that is being opened has accepted nothing; of one that is being closed JavaScript knows.
    let opened = places.values().filter_map(|place| place.try_lock().ok()?.take());
    let closed = opened.filter_map(|opened| {
        let left = opened.take()?.close_blocking(most);
        Some((opened.directories.state.clone(), left))
    });
    closed.collect()
}
