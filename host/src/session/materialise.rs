use std::path::Path;
use std::sync::Arc;

use super::{RestoreNote, SessionError, StreamEnd, blocking, restore};
use crate::agent_format::AgentHome;
use crate::key::SessionKey;
use crate::store::Store;

/// A stored session as local files that the agent can resume from.
#[derive(Debug)]
pub struct Materialised {
    /// Where each of its streams ends at the destination: what is appended goes on there.
    pub ends: Vec<StreamEnd>,
    /// What a person should know of the transcripts.
    pub notes: Vec<RestoreNote>,
    /// What of the agent's account and settings, and of the user's own, is not there or of no use, and why.
    pub warnings: Vec<String>,
}

/// Makes a configuration directory in which the agent finds one stored session, its subagents, its own account and
/// settings, and the user's instructions, skills, commands and the like.
///
/// The transcripts are written as [`super::restore`] does, verified, under `<into>/projects/<folder>`: the agent looks
/// in the folder that belongs to its current directory, whichever project the session is stored under. Of the account,
/// the token that would renew it stays behind: a second holder who renewed it would lock the first one out. Plugins
/// stay behind, too. What is not there is said in a warning, as is a token that has expired. Files are for their owner
/// only. `into` must be empty or not there yet; the caller removes it, whatever the outcome.
///
/// Fails with [`SessionError::NotFound`] where nothing is stored.
pub async fn materialise(
    store: Arc<dyn Store>,
    session: &SessionKey,
    folder: &str,
    home: &AgentHome,
    into: &Path,
) -> Result<Materialised, SessionError> {
    let (row, ends) = restore::one(store, session, folder, into).await?;
    let has_entries = |end: &StreamEnd| end.key.is_main() && end.entries > 0;
    if !ends.iter().any(has_entries) {
        return Err(SessionError::NotFound {
            id: session.session_id().to_owned(),
        });
    }
    let (home, path) = (home.clone(), into.to_owned());
    let warnings = blocking(move || home.copy_to(&path)).await;
    Ok(Materialised {
        ends,
        notes: row.notes,
        warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::fixture::{Projects, files};
    use crate::store::MemoryStore;

    const SESSION: &str = "7b1f6c0e-2d5a-4c3e-9f10-aa0000000001";

    fn home(dir: &Path) -> AgentHome {
        AgentHome {
            config_dir: None,
            home: dir.to_owned(),
            has_key: true,
        }
    }

    #[tokio::test]
    async fn a_session_comes_back_in_the_folder_that_the_agent_looks_in() {
        let projects = Projects::new();
        projects
            .write(&format!("-srv-there/{SESSION}.jsonl"), "{\"a\":1}\n{\"a\":2}\n")
            .write(&format!("-srv-there/{SESSION}/subagents/agent-1.jsonl"), "{\"b\":1}\n")
            .write(
                &format!("-srv-there/{SESSION}/subagents/agent-1.meta.json"),
                "{\"agentType\":\"x\"}",
            );
        let store = Arc::new(MemoryStore::new());
        projects.import(&store).await;
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("config");
        let key = SessionKey::main("-srv-there", SESSION).unwrap();
        let made = materialise(store, &key, "-srv-here", &home(dir.path()), &into)
            .await
            .unwrap();
        assert_eq!(made.warnings, [] as [String; 0]);
        let entries: Vec<_> = made.ends.iter().map(|end| (end.key.is_main(), end.entries)).collect();
        assert_eq!(entries, [(false, 2), (true, 2)]);
        let expected: Vec<_> = files(projects.path())
            .into_iter()
            .map(|(path, bytes)| (path.strip_prefix("-srv-there").unwrap().to_owned(), bytes))
            .collect();
        let found = files(&into.join("projects/-srv-here"));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn nothing_stored_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let key = SessionKey::main("-srv", SESSION).unwrap();
        let into = dir.path().join("config");
        let failed = materialise(Arc::new(MemoryStore::new()), &key, "-srv", &home(dir.path()), &into).await;
        assert!(matches!(failed, Err(SessionError::NotFound { .. })), "{failed:?}");
    }
}
