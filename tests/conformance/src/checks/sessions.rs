use mirrorbox::store::{Store, StoredSession};

use crate::checks::listings::{session_ids, sessions};
use crate::expect::{self, Broken, Verdict, works};
use crate::ground::Ground;
use crate::log::{Log, summary};

async fn find(store: &dyn Store, project: &str, session: &str) -> Result<Option<StoredSession>, Broken> {
    works(store.find_session(project, session).await, "find-session")
}

async fn must_find(ground: &Ground, session: &str) -> Result<StoredSession, Broken> {
    let found = find(&*ground.theirs, &ground.project, session).await?;
    found.ok_or_else(|| Broken::new(format!("find-session: `{session}` is not found")))
}

pub(super) async fn are_listed_as_they_stand(ground: &Ground) -> Verdict {
    let unknown = sessions(&*ground.ours, &ground.project, 100).await?;
    expect::equal("list-sessions of an unknown project", unknown.len(), 0)?;
    for (session, batches) in [("one", 1), ("two", 2), ("three", 3)] {
        Log::with(ground, ground.main(session)?, batches).await?;
        Log::with(ground, ground.sub(session, "subagents/agent-1")?, 5).await?;
    }
    let mut three = Log::new(ground, ground.main("with a summary")?);
    three.append_with_summary("{\"title\":\"a\"}").await?;
    let mut found = sessions(&*ground.theirs, &ground.project, 100).await?;
    found.sort_by(|a, b| a.session_id.cmp(&b.session_id));
    let found = found
        .into_iter()
        .map(|session| (session.session_id, session.last, session.summary));
    let wanted = [
        ("one", 1, None),
        ("three", 3, None),
        ("two", 2, None),
        ("with a summary", 1, Some("{\"title\":\"a\"}")),
    ];
    let wanted = wanted.map(|(id, last, json)| (id.to_owned(), last, json.map(|json| summary(1, json))));
    expect::equal("list-sessions", found.collect::<Vec<_>>(), wanted.into())
}

pub(super) async fn without_a_main_transcript_are_none(ground: &Ground) -> Verdict {
    Log::with(ground, ground.sub("subpath only", "subagents/agent-1")?, 1).await?;
    Log::with(ground, ground.main("session")?, 1).await?;
    let found = session_ids(&*ground.ours, &ground.project).await?;
    expect::same_names("list-sessions", found, vec!["session".into()])?;
    let found = find(&*ground.ours, &ground.project, "subpath only").await?;
    expect::equal("find-session of one without a main transcript", found, None)
}

pub(super) async fn are_found_as_they_are_listed(ground: &Ground) -> Verdict {
    for session in ["session", "session/2", "SESSION"] {
        let mut log = Log::with(ground, ground.main(session)?, 2).await?;
        log.append_with_summary(&format!("{{\"of\":{session:?}}}")).await?;
    }
    for listed in sessions(&*ground.ours, &ground.project, 2).await? {
        let found = must_find(ground, &listed.session_id).await?;
        expect::equal("find-session, by what list-sessions shows", found, listed)?;
    }
    let elsewhere = format!("{}-2", ground.project);
    for (project, session) in [
        (&ground.project, "sessio"),
        (&ground.project, "session/"),
        (&elsewhere, "session"),
    ] {
        let found = find(&*ground.ours, project, session).await?;
        expect::equal(format_args!("find-session of the unknown `{session}`"), found, None)?;
    }
    Ok(())
}

/// Between 2001 and 2286: seconds and microseconds are not.
pub(super) async fn are_modified_by_appends(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    let mut before = 0;
    for _ in 0..10 {
        log.append("{}\n").await?;
        let modified = must_find(ground, "session").await?.modified;
        expect::that((1_000_000_000_000..10_000_000_000_000).contains(&modified), || {
            format!("`modified` is {modified}, which is no time in Unix milliseconds")
        })?;
        expect::that(modified >= before, || {
            format!("`modified` stepped back from {before} to {modified}")
        })?;
        before = modified;
    }
    Ok(())
}

pub(super) async fn of_two_projects_are_two(ground: &Ground) -> Verdict {
    let elsewhere = format!("{}-2", ground.project);
    let mut here = Log::with(ground, ground.main("session")?, 1).await?;
    here.append_with_summary("{\"here\":true}").await?;
    let there = Log::with(ground, ground.key(&elsewhere, "session", None)?, 5).await?;
    let beside = Log::with(ground, ground.sub("session", "subagents/agent-1")?, 7).await?;
    let found = must_find(ground, "session").await?;
    expect::equal("the last number of the main transcript", found.last, 2)?;
    expect::equal("its summary", found.summary, Some(summary(2, "{\"here\":true}")))?;
    let found = find(&*ground.ours, &elsewhere, "session").await?;
    expect::equal(
        "the last number in the other project",
        found.map(|session| session.last),
        Some(5),
    )?;
    for log in [here, there, beside] {
        log.holds("one of three streams").await?;
    }
    Ok(())
}
