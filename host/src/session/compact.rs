use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::catalog::subkeys;
use super::error::{Failure, StreamError};
use super::retry::retrying;
use super::{SIDE_BY_SIDE, SessionError};
use crate::key::SessionKey;
use crate::store::Store;

/// What a compaction did.
#[derive(Debug, Serialize)]
pub struct CompactReport {
    /// The session's project key.
    pub project: String,
    /// Its id.
    pub session: String,
    /// Streams that the store was asked to compact. Whether there is anything worth it, it decides.
    pub compacted: u64,
    /// The streams that could not be compacted.
    pub failures: Vec<Failure>,
}

/// Has a store rewrite a session's batches, all that there are now, into fewer and larger objects. Nothing that can be
/// loaded changes, at no moment.
///
/// Stores that remove what they have replaced only after a while do so at the next call.
pub async fn compact(store: Arc<dyn Store>, session: &SessionKey) -> Result<CompactReport, SessionError> {
    let main = session.to_main();
    let info = store.info();
    if !info.capabilities.compaction {
        return Err(SessionError::Unsupported {
            store: info.name,
            doing: "compact",
        });
    }
    let mut report = CompactReport {
        project: main.project_key().to_owned(),
        session: main.session_id().to_owned(),
        compacted: 0,
        failures: Vec::new(),
    };
    let mut keys = subkeys(&*store, &main).await?;
    keys.push(main);
    let mut done = stream::iter(keys)
        .map(|key| {
            let store = store.clone();
            async move { (compact_stream(&*store, &key).await, key) }
        })
        .buffer_unordered(SIDE_BY_SIDE);
    while let Some((compacted, key)) = done.next().await {
        match compacted {
            Ok(was_there) => report.compacted += u64::from(was_there),
            Err(error) => report.failures.push(Failure::new(&key, error)),
        }
    }
    Ok(report)
}

/// False where there is nothing.
async fn compact_stream(store: &dyn Store, key: &SessionKey) -> Result<bool, StreamError> {
    let end = retrying(async || store.end(key).await).await;
    let Some(end) = end.map_err(StreamError::store("find the end"))? else {
        return Ok(false);
    };
    let compacted = retrying(async || store.compact(key, end.number).await).await;
    compacted.map_err(StreamError::store("compact"))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::fixture::main_key;
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn a_store_that_cannot_says_so() {
        let error = compact(Arc::new(MemoryStore::new()), &main_key()).await.unwrap_err();
        assert!(
            matches!(error, SessionError::Unsupported { doing: "compact", .. }),
            "{error}"
        );
    }
}
