use std::sync::Arc;

use super::{Answer, Sessions, not_found};
use crate::key::SessionKey;
use crate::session::{self, SessionError};
use crate::spool::Stored;
use crate::store::Store;

/// What a destination answered.
pub(super) struct Answered<T> {
    pub(super) destination: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) value: T,
}

impl Sessions {
    /// Works on the host's own threads, once every destination is open or cannot be opened.
    pub(super) fn work<T: Send + 'static, F>(&self, work: F) -> impl Future<Output = Answer<T>> + Send + use<T, F>
    where
        F: AsyncFnOnce(Self) -> Answer<T> + Send + 'static,
    {
        let this = self.clone();
        let done = self.core.background.run_local(async move || {
            this.core.mirror.settled().await;
            work(this).await
        });
        async move { done.await? }
    }

    pub(super) fn key(&self, session: &str) -> Result<SessionKey, SessionError> {
        Ok(SessionKey::main(&self.project, session)?)
    }

    /// Asks one destination after the other until one answers. One that does not know the session is not the last word;
    /// where none answers, the first error that is more than that is.
    pub(super) async fn ask<T>(
        &self,
        ask: impl AsyncFn(Arc<dyn Store>) -> Result<T, SessionError>,
    ) -> Result<Answered<T>, SessionError> {
        let (mut failed, mut unknown) = (None, None);
        for (destination, store) in self.core.mirror.stores() {
            match ask(store.clone()).await {
                Ok(value) => {
                    return Ok(Answered {
                        destination,
                        store,
                        value,
                    });
                }
                Err(error @ SessionError::NotFound { .. }) => unknown = unknown.or(Some(error)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.or(unknown).unwrap_or(SessionError::NoDestination))
    }

    /// A destination that holds a session, and how far.
    pub(super) async fn held(&self, key: &SessionKey) -> Result<Answered<Stored>, SessionError> {
        let end = self.ask(async |store| session::stored_end(store, key).await?.ok_or_else(|| not_found(key)));
        let Answered {
            destination,
            store,
            value: position,
        } = end.await?;
        let value = Stored {
            destination: destination.clone(),
            position,
        };
        Ok(Answered {
            destination,
            store,
            value,
        })
    }

    /// A store that holds a session, and the session's key.
    pub(super) async fn find(&self, session: &str) -> Result<(Arc<dyn Store>, SessionKey), SessionError> {
        let key = self.key(session)?;
        let held = self.held(&key).await?;
        Ok((held.store, key))
    }
}
