use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use mirrorbox::host::{AppendFailed, KeyStyle, Loaded};
use mirrorbox_bindings::{Failure, key, time};
use napi::Env;
use napi::bindgen_prelude::{Buffer, PromiseRaw, Result};
use napi_derive::napi;
use tokio::sync::Mutex;

use crate::failure::thrown;
use crate::host::NativeHost;

type Appending = Pin<Box<dyn Future<Output = std::result::Result<(), AppendFailed>> + Send>>;

/// A session and when it was written to last, in Unix milliseconds.
#[napi(object)]
#[derive(Debug)]
pub struct NativeSession {
    pub session_id: String,
    pub mtime: f64,
    /// Its summary as JSON, where that was asked for.
    pub data: Option<String>,
}

#[napi]
impl NativeHost {
    /// Appends entries, one a line, in the order of the calls. They are on disk when the promise is kept, which fails
    /// where that takes longer than so many seconds.
    #[napi]
    pub fn append<'env>(
        &self,
        env: &'env Env,
        project: String,
        session: String,
        subpath: Option<String>,
        lines: Vec<String>,
        seconds: f64,
    ) -> Result<PromiseRaw<'env, ()>> {
        let key = key(project, session, subpath).map_err(thrown)?;
        let store = self.opened().store(false).map_err(thrown)?;
        let mut appending: Appending = Box::pin(async move { store.append(&key, &lines).await });
        // Its place in the order is taken by being polled once, by the thread that calls.
        let done = match appending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        };
        env.spawn_future(async move {
            let done = match done {
                Some(done) => Ok(done),
                None => tokio::time::timeout(time(seconds), appending).await,
            };
            match done {
                Ok(done) => done.map_err(thrown),
                Err(_) => Err(thrown(Failure::is_late(seconds))),
            }
        })
    }

    /// The lines of a stream; nothing where it was never written.
    #[napi]
    pub fn load<'env>(
        &self,
        env: &'env Env,
        project: String,
        session: String,
        subpath: Option<String>,
        answer_from_here: bool,
    ) -> Result<PromiseRaw<'env, Option<NativeLoaded>>> {
        let key = key(project, session, subpath).map_err(thrown)?;
        let load = self.opened().store(answer_from_here).map_err(thrown)?.load(&key);
        env.spawn_future(async move {
            let loaded = load.await.map_err(thrown)?;
            Ok(loaded.map(NativeLoaded::new))
        })
    }

    /// The sessions of a project.
    #[napi]
    pub fn list_sessions<'env>(
        &self,
        env: &'env Env,
        project: String,
        answer_from_here: bool,
    ) -> Result<PromiseRaw<'env, Vec<NativeSession>>> {
        let store = self.opened().store(answer_from_here).map_err(thrown)?;
        env.spawn_future(async move {
            let listed = store.list_sessions(&project).await.map_err(thrown)?;
            let sessions = listed.into_iter().map(|listed| NativeSession {
                session_id: listed.session,
                mtime: milliseconds(listed.modified),
                data: None,
            });
            Ok(sessions.collect())
        })
    }

    /// The sessions of a project, with their summaries.
    #[napi]
    pub fn list_session_summaries<'env>(
        &self,
        env: &'env Env,
        project: String,
        answer_from_here: bool,
    ) -> Result<PromiseRaw<'env, Vec<NativeSession>>> {
        let store = self.opened().store(answer_from_here).map_err(thrown)?;
        env.spawn_future(async move {
            let listed = store.list_session_summaries(&project, KeyStyle::Camel);
            let summaries = listed.await.map_err(thrown)?.into_iter().map(|listed| NativeSession {
                session_id: listed.session,
                mtime: milliseconds(listed.modified),
                data: Some(listed.data),
            });
            Ok(summaries.collect())
        })
    }

    /// Deletes a session, or one stream of it.
    #[napi]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        project: String,
        session: String,
        subpath: Option<String>,
    ) -> Result<PromiseRaw<'env, ()>> {
        let key = key(project, session, subpath).map_err(thrown)?;
        let store = self.opened().store(false).map_err(thrown)?;
        env.spawn_future(async move { store.delete(&key).await.map_err(thrown) })
    }

    /// The subpaths of a session.
    #[napi]
    pub fn list_subkeys<'env>(
        &self,
        env: &'env Env,
        project: String,
        session: String,
        answer_from_here: bool,
    ) -> Result<PromiseRaw<'env, Vec<String>>> {
        let key = key(project, session, None).map_err(thrown)?;
        let store = self.opened().store(answer_from_here).map_err(thrown)?;
        env.spawn_future(async move { store.list_subkeys(&key).await.map_err(thrown) })
    }
}

/// JavaScript's numbers are exact up to 2^53 ms, which is the year 287,396.
#[allow(clippy::cast_precision_loss, reason = "no time is that large")]
fn milliseconds(time: u64) -> f64 {
    time as f64
}

/// The lines of a stream, read while they are taken.
#[napi]
#[derive(Debug)]
pub struct NativeLoaded {
    reading: Arc<Reading>,
}

#[derive(Debug)]
struct Reading {
    /// `None` once nothing more is wanted: who reads it then works for nobody.
    loaded: Mutex<Option<Loaded>>,
    is_closed: AtomicBool,
}

impl NativeLoaded {
    fn new(loaded: Loaded) -> Self {
        Self {
            reading: Arc::new(Reading {
                loaded: Mutex::new(Some(loaded)),
                is_closed: AtomicBool::new(false),
            }),
        }
    }
}

#[napi]
impl NativeLoaded {
    /// The next lines, each with its LF; nothing at the end.
    #[napi]
    pub fn next<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Option<Buffer>>> {
        let reading = self.reading.clone();
        env.spawn_future(async move {
            let mut loaded = reading.loaded.lock().await;
            let Some(reading_on) = &mut *loaded else {
                // Half of it must not look like all of it.
                return Err(thrown(Failure::closed()));
            };
            let next = reading_on.next().await;
            if reading.is_closed.load(Ordering::Acquire) {
                *loaded = None;
            }
            Ok(next.transpose().map_err(thrown)?.map(|lines| lines.to_vec().into()))
        })
    }

    /// Nothing more is wanted.
    #[napi]
    pub fn close(&self) {
        self.reading.is_closed.store(true, Ordering::Release);
        // A `next` that is under way drops it.
        if let Ok(mut loaded) = self.reading.loaded.try_lock() {
            *loaded = None;
        }
    }
}
