//! Looks names up for one adapter: a limited number at a time, and not again at once if a name was not found.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;

/// How many names are looked up at a time for one adapter. The system's lookup holds a thread for as long as no server
/// answers, tens of seconds, whether anybody still waits for it or not.
pub(in crate::adapter) const SIDE_BY_SIDE: usize = 8;
/// For how long a name that was not found is not looked up again, and how many such names are remembered.
const REMEMBERED: Duration = Duration::from_secs(2);
const MOST_REMEMBERED: usize = 256;

/// Looks names up for one adapter: the threads that other adapters' lookups need are theirs.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    places: Arc<Semaphore>,
    failed: Arc<Mutex<VecDeque<(String, Instant)>>>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(SIDE_BY_SIDE)),
            failed: Arc::default(),
        }
    }
}

impl Resolver {
    /// The addresses of a name. Returns `None` if there are none, or the system cannot say. Its caller keeps the time.
    pub(super) async fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let name = name.to_owned();
        self.looked_up(name.clone(), move || {
            let found = (name.as_str(), 0).to_socket_addrs();
            found.map(|found| found.map(|address: SocketAddr| address.ip()).collect())
        })
        .await
    }

    async fn looked_up<T: Send + 'static>(
        &self,
        name: String,
        look_up: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Option<T> {
        // It is never closed.
        let place = self.places.clone().acquire_owned().await.ok()?;
        if self.has_just_failed(&name) {
            return None;
        }
        let looking = tokio::task::spawn_blocking(move || {
            let found = look_up();
            // With the thread, and not with who waits for it.
            drop(place);
            found
        });
        match looking.await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                tracing::debug!("{name} cannot be looked up: {error}");
                self.remember(name);
                None
            }
            Err(error) => {
                tracing::debug!("the lookup of {name} was stopped: {error}");
                None
            }
        }
    }

    fn has_just_failed(&self, name: &str) -> bool {
        let mut failed = self.lock();
        failed.retain(|(_, when)| when.elapsed() < REMEMBERED);
        failed.iter().any(|(other, _)| other == name)
    }

    fn remember(&self, name: String) {
        let mut failed = self.lock();
        if failed.len() == MOST_REMEMBERED {
            failed.pop_front();
        }
        failed.push_back((name, Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, Instant)>> {
        self.failed.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::mpsc;

    use super::*;

    /// Lookups that nobody waits for any more, of servers that never answer: the others of the process have threads.
    #[tokio::test]
    async fn lookups_that_hang_take_no_more_than_their_own_threads() {
        let (resolver, other) = (Resolver::default(), Resolver::default());
        let hanging = Arc::new(AtomicUsize::new(0));
        let (end, ended) = mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let mut waiting = Vec::new();
        for number in 0..3 * SIDE_BY_SIDE {
            let (resolver, hanging, ended) = (resolver.clone(), hanging.clone(), ended.clone());
            waiting.push(tokio::spawn(async move {
                let hang = move || {
                    hanging.fetch_add(1, Relaxed);
                    // It fails once the other end is gone.
                    let _ = ended.lock().recv();
                    Ok(())
                };
                resolver.looked_up(number.to_string(), hang).await
            }));
        }
        while hanging.load(Relaxed) < SIDE_BY_SIDE {
            tokio::task::yield_now().await;
        }
        waiting.iter().for_each(|waiting| waiting.abort());
        for waiting in waiting {
            waiting.await.unwrap_err();
        }
        assert_eq!(other.looked_up("other".to_owned(), || Ok(1)).await, Some(1));
        assert!(resolver.places.try_acquire().is_err(), "the threads still hang");
        assert_eq!(hanging.load(Relaxed), SIDE_BY_SIDE);
        drop(end);
        assert_eq!(resolver.looked_up("again".to_owned(), || Ok(2)).await, Some(2));
    }

    #[tokio::test]
    async fn what_was_not_found_is_not_asked_for_again_at_once() {
        let resolver = Resolver::default();
        let fails = || Err::<(), _>(std::io::Error::other("no such name"));
        assert_eq!(resolver.looked_up("a".to_owned(), fails).await, None);
        assert_eq!(resolver.looked_up("a".to_owned(), || Ok(1)).await, None);
        assert_eq!(resolver.looked_up("b".to_owned(), || Ok(1)).await, Some(1));
    }
}
