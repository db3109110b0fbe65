//! Listings, page by page.

use mirrorbox::store::{Store, StoredSession};

use crate::expect::{self, Broken, Verdict, all_pages};
use crate::ground::Ground;
use crate::log::Log;

pub(super) async fn sessions(store: &dyn Store, project: &str, limit: u32) -> Result<Vec<StoredSession>, Broken> {
    let page = async |token: Option<String>| store.list_sessions(project, token.as_deref(), limit).await;
    all_pages("list-sessions", limit, page).await
}

pub(super) async fn session_ids(store: &dyn Store, project: &str) -> Result<Vec<String>, Broken> {
    let sessions = sessions(store, project, 100).await?;
    Ok(sessions.into_iter().map(|session| session.session_id).collect())
}

pub(super) async fn subkeys(
    store: &dyn Store,
    project: &str,
    session: &str,
    limit: u32,
) -> Result<Vec<String>, Broken> {
    let page = async |token: Option<String>| store.list_subkeys(project, session, token.as_deref(), limit).await;
    all_pages("list-subkeys", limit, page).await
}

/// The project keys that begin with this check's.
async fn projects(ground: &Ground, limit: u32) -> Result<Vec<String>, Broken> {
    let page = async |token: Option<String>| ground.theirs.list_projects(token.as_deref(), limit).await;
    let all = all_pages("list-projects", limit, page).await?;
    Ok(all
        .into_iter()
        .filter(|project| project.starts_with(&ground.project))
        .collect())
}

pub(super) async fn sessions_come_in_pages(ground: &Ground) -> Verdict {
    let mut wanted = Vec::new();
    for number in 0..ground.amount(30, 1_000) {
        let id = format!("session {number}");
        Log::with(ground, ground.main(&id)?, 1).await?;
        wanted.push(id);
    }
    for limit in limits(ground) {
        let found = sessions(&*ground.ours, &ground.project, limit).await?;
        let found = found.into_iter().map(|session| session.session_id).collect();
        expect::same_names(format_args!("list-sessions in pages of {limit}"), found, wanted.clone())?;
    }
    Ok(())
}

/// Page sizes: one item, some, and more than there are.
pub(super) fn limits(ground: &Ground) -> [u32; 5] {
    let all = u32::try_from(ground.amount(30, 1_000)).unwrap_or(u32::MAX);
    [1, 7, all - 1, all, u32::MAX]
}

pub(super) async fn projects_are_those_with_sessions(ground: &Ground) -> Verdict {
    let named = |name: &str| format!("{}{name}", ground.project);
    let wanted: Vec<_> = ["", "/a", ":a", "/A", "\u{e9}"].map(named).into();
    for project in &wanted {
        for session in ["session", "another"] {
            Log::with(ground, ground.key(project, session, None)?, 1).await?;
        }
    }
    let no_session = ground.key(&named(" without sessions"), "session", Some("subagents/agent-1"))?;
    Log::with(ground, no_session, 1).await?;
    for limit in [3, 1_000] {
        let found = projects(ground, limit).await?;
        expect::same_names(format_args!("list-projects in pages of {limit}"), found, wanted.clone())?;
    }
    Ok(())
}
