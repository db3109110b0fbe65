//! Says so where a component takes long to compile: an interpreter takes a quarter of a minute, the first time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

/// What takes no longer is nobody's concern.
const LONG: Duration = Duration::from_secs(1);

/// A component that has been compiled for a second and is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowCompile {
    /// The component's file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Whether its code will be kept, so that this happens once.
    pub once: bool,
}

type Tell = dyn Fn(&SlowCompile) + Send + Sync;

/// Who wants to know, in this process.
static LISTENER: Mutex<Option<Arc<Tell>>> = Mutex::new(None);

pub(in crate::adapter) fn listen(tell: impl Fn(&SlowCompile) + Send + Sync + 'static) {
    *LISTENER.lock() = Some(Arc::new(tell));
}

/// Watches one component being compiled, until it is dropped.
pub(in crate::adapter) struct Watched {
    done: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl Watched {
    pub(in crate::adapter) fn begin(path: &Path, size: u64, once: bool) -> Self {
        let (done, waits) = mpsc::channel();
        let slow = SlowCompile {
            path: path.to_owned(),
            size,
            once,
        };
        let listener = LISTENER.lock().clone();
        // Without a thread for it nothing is said, and it is compiled all the same.
        let thread = listener.and_then(|tell| {
            let watch = move || {
                if waits.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                    tell(&slow);
                }
            };
            thread::Builder::new().name("slow-compile".to_owned()).spawn(watch).ok()
        });
        Self {
            done: Some(done),
            thread,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            // It does nothing that could fail but what the listener does.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_said_and_what_does_not_is_not() {
        let (tell, told) = mpsc::channel();
        listen(move |slow| {
            // Other tests of this process compile, too.
            if slow.path.starts_with("/test") {
                tell.send(slow.clone()).unwrap();
            }
        });
        drop(Watched::begin(Path::new("/test/quick.wasm"), 1, true));
        let slow = Watched::begin(Path::new("/test/slow.wasm"), 18 << 20, true);
        let said = told.recv().unwrap();
        drop(slow);
        assert_eq!(
            (said.path.as_path(), said.size, said.once),
            (Path::new("/test/slow.wasm"), 18 << 20, true)
        );
        assert!(told.try_recv().is_err());
    }
}
