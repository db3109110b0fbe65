use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use parking_lot::Mutex;

use crate::key::SessionKey;
use crate::store::{Batch, Store, StoreError};

/// A page that was asked for before anybody wants it.
pub(super) struct Ahead {
    /// The batches behind this number.
    pub(super) after: u64,
    /// Never locked: it makes of what only one thread may poll what several may hold.
    page: Mutex<Page>,
}

type Page = BoxFuture<'static, Result<Vec<Batch>, StoreError>>;

impl Ahead {
    /// Asks for a page: the store is at work when this returns, if it works without being polled, as adapters do.
    pub(super) async fn of(store: &Arc<dyn Store>, key: &SessionKey, after: u64, bytes: u32) -> Self {
        let (store, key) = (Arc::clone(store), key.clone());
        let mut page = async move { store.load(&key, after, bytes).await }.boxed();
        if let Some(done) = future::poll_immediate(&mut page).await {
            page = future::ready(done).boxed();
        }
        Self {
            after,
            page: Mutex::new(page),
        }
    }

    pub(super) fn into_page(self) -> Page {
        self.page.into_inner()
    }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead")
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}
