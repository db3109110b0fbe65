use mirrorbox::store::{Store, Summary};

use crate::expect::{self, Broken, Verdict, conflicts, works};
use crate::ground::Ground;
use crate::log::{Log, summary};

/// The summary of `session` must be this one, through both handles.
async fn is_stored(ground: &Ground, wanted: Option<&Summary>, what: &str) -> Verdict {
    for store in [&ground.ours, &ground.theirs] {
        let found = stored(&**store, &ground.project).await?;
        expect::equal(format_args!("the summary {what}"), found.as_ref(), wanted)?;
    }
    Ok(())
}

async fn stored(store: &dyn Store, project: &str) -> Result<Option<Summary>, Broken> {
    let found = works(store.find_session(project, "session").await, "find-session")?;
    Ok(found.and_then(|session| session.summary))
}

pub(super) async fn survive_a_lost_first_try(ground: &Ground) -> Verdict {
    let log = Log::with(ground, ground.main("session")?, 2).await?;
    is_stored(ground, None, "before any was appended").await?;
    for batch in &log.batches {
        let reached = summary(batch.number, "{\"from\":\"a retry\"}");
        let retried = ground.ours.append(&log.key, batch, Some(&reached)).await;
        works(
            retried,
            format_args!("a second append of batch {} with a summary", batch.number),
        )?;
        is_stored(ground, Some(&reached), "after a second append that brought one").await?;
    }
    Ok(())
}

pub(super) async fn of_a_conflict_are_dropped(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 1).await?;
    log.append_with_summary("{\"ours\":true}").await?;
    for number in [1, 2] {
        let theirs = summary(9, "{\"theirs\":true}");
        let appended = ground.theirs.append(&log.key, &log.rival(number), Some(&theirs)).await;
        conflicts(
            appended,
            format_args!("an append of another batch {number} with a summary"),
        )?;
    }
    is_stored(
        ground,
        Some(&summary(2, "{\"ours\":true}")),
        "after conflicts that brought others",
    )
    .await
}

pub(super) async fn reach_ever_further(ground: &Ground) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 2).await?;
    // JSON is opaque too: it must not be printed anew.
    let third = "{ \"b\":1e2,\"a\":\"\\ud800\",\"a\":\"\u{e9}e\u{301}\" }";
    log.append_with_summary(third).await?;
    is_stored(ground, Some(&summary(3, third)), "after an append that brought it").await?;
    log.append("{}\n").await?;
    is_stored(ground, Some(&summary(3, third)), "after an append without one").await?;
    for (store, batch) in [&ground.ours, &ground.theirs].into_iter().zip(&log.batches) {
        let shorter = summary(batch.number, "{\"shorter\":true}");
        works(
            store.append(&log.key, batch, Some(&shorter)).await,
            "a late second append",
        )?;
        is_stored(
            ground,
            Some(&summary(3, third)),
            "after one came late that reaches less far",
        )
        .await?;
    }
    log.append_with_summary("{\"fifth\":true}").await?;
    is_stored(
        ground,
        Some(&summary(5, "{\"fifth\":true}")),
        "after one that reaches further",
    )
    .await
}
