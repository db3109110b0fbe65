use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::SessionError;
use super::catalog::subkeys;
use crate::agent_format::subagent_id;
use crate::key::SessionKey;
use crate::store::Store;

/// A subagent of a stored session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subagent {
    /// Its id within the session.
    pub id: String,
    /// Its transcript.
    pub transcript: SessionKey,
}

/// The subagents of a session, those of workflow runs included, sorted by where they lie. Of two with one id, the
/// first.
pub async fn subagents(store: Arc<dyn Store>, session: &SessionKey) -> Result<Vec<Subagent>, SessionError> {
    let keys = subkeys(&*store, &session.to_main()).await?;
    let mut ids = BTreeSet::new();
    let found = keys.into_iter().filter_map(|transcript| {
        let id = subagent_id(transcript.subpath()?)?.to_owned();
        ids.insert(id.clone()).then_some(Subagent { id, transcript })
    });
    Ok(found.collect())
}

/// One subagent of a session.
pub async fn subagent(store: Arc<dyn Store>, session: &SessionKey, id: &str) -> Result<Subagent, SessionError> {
    let mut all = subagents(store, session).await?.into_iter();
    all.find(|agent| agent.id == id)
        .ok_or_else(|| SessionError::NoSubagent {
            session: session.to_main(),
            id: id.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::fixture::{append, lines, main_key};
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn agents_are_found_wherever_they_lie() {
        let store = Arc::new(MemoryStore::new());
        append(&*store, &main_key(), lines(0, 1)).await;
        for subpath in [
            "subagents/agent-b",
            "subagents/agent-a",
            "subagents/workflows/run/agent-c",
            "subagents/workflows/run/agent-a",
            "subagents/workflows/run/journal",
            "elsewhere/agent-d",
        ] {
            append(&*store, &main_key().with_subpath(subpath).unwrap(), lines(0, 1)).await;
        }
        let found = subagents(store.clone(), &main_key()).await.unwrap();
        let ids: Vec<_> = found.iter().map(|agent| agent.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(found[0].transcript.subpath(), Some("subagents/agent-a"));
        let error = subagent(store, &main_key(), "d").await.unwrap_err();
        assert!(matches!(error, SessionError::NoSubagent { id, .. } if id == "d"));
    }
}
