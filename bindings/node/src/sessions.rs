use std::pin::Pin;
use std::sync::Arc;
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
        let store = self.opened.store().map_err(thrown)?;
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
    pub async fn load(
        &self,
        project: String,
        session: String,
        subpath: Option<String>,
    ) -> Result<Option<NativeLoaded>> {
        let key = key(project, session, subpath).map_err(thrown)?;
        let loaded = self.opened.store().map_err(thrown)?.load(&key).await.map_err(thrown)?;
        Ok(loaded.map(|loaded| NativeLoaded {
            loaded: Arc::new(Mutex::new(loaded)),
        }))
    }

    /// The sessions of a project.
    #[napi]
    pub async fn list_sessions(&self, project: String) -> Result<Vec<NativeSession>> {
        let listed = self
            .opened
            .store()
            .map_err(thrown)?
            .list_sessions(&project)
            .await
            .map_err(thrown)?;
        let sessions = listed.into_iter().map(|listed| NativeSession {
            session_id: listed.session,
            mtime: milliseconds(listed.modified),
            data: None,
        });
        Ok(sessions.collect())
    }

    /// The sessions of a project, with their summaries.
    #[napi]
    pub async fn list_session_summaries(&self, project: String) -> Result<Vec<NativeSession>> {
        let listed = self
            .opened
            .store()
            .map_err(thrown)?
            .list_session_summaries(&project, KeyStyle::Camel);
        let summaries = listed.await.map_err(thrown)?.into_iter().map(|listed| NativeSession {
            session_id: listed.session,
            mtime: milliseconds(listed.modified),
            data: Some(listed.data),
        });
        Ok(summaries.collect())
    }

    /// Deletes a session, or one stream of it.
    #[napi]
    pub async fn delete(&self, project: String, session: String, subpath: Option<String>) -> Result<()> {
        let key = key(project, session, subpath).map_err(thrown)?;
        self.opened.store().map_err(thrown)?.delete(&key).await.map_err(thrown)
    }

    /// The subpaths of a session.
    #[napi]
    pub async fn list_subkeys(&self, project: String, session: String) -> Result<Vec<String>> {
        let key = key(project, session, None).map_err(thrown)?;
        self.opened
            .store()
            .map_err(thrown)?
            .list_subkeys(&key)
            .await
            .map_err(thrown)
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
    loaded: Arc<Mutex<Loaded>>,
}

#[napi]
impl NativeLoaded {
    /// The next lines, each with its LF; nothing at the end.
    #[napi]
    pub async fn next(&self) -> Result<Option<Buffer>> {
        let next = self.loaded.lock().await.next().await;
        Ok(next.transpose().map_err(thrown)?.map(|lines| lines.to_vec().into()))
    }
}
