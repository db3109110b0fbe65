use crate::checks::listings::{limits, subkeys};
use crate::expect::{self, Verdict};
use crate::ground::Ground;
use crate::log::Log;

pub(super) async fn are_those_of_the_session(ground: &Ground) -> Verdict {
    Log::with(ground, ground.main("session")?, 1).await?;
    let none = subkeys(&*ground.ours, &ground.project, "session", 100).await?;
    expect::same_names("list-subkeys of a session without any", none, vec![])?;
    let wanted = [
        "subagents/agent-1",
        "subagents/agent-2",
        "subagents",
        "subagents/agent-1/deeper",
    ];
    for subpath in wanted {
        Log::with(ground, ground.sub("session", subpath)?, 2).await?;
    }
    let elsewhere = format!("{}-2", ground.project);
    Log::with(ground, ground.sub("session-2", "of-another-session")?, 1).await?;
    Log::with(
        ground,
        ground.key(&elsewhere, "session", Some("of-another-project"))?,
        1,
    )
    .await?;
    for store in [&ground.ours, &ground.theirs] {
        let found = subkeys(&**store, &ground.project, "session", 100).await?;
        expect::same_names("list-subkeys", found, wanted.map(str::to_owned).into())?;
    }
    let unknown = subkeys(&*ground.ours, &ground.project, "unknown", 100).await?;
    expect::same_names("list-subkeys of an unknown session", unknown, vec![])
}

pub(super) async fn come_in_pages(ground: &Ground) -> Verdict {
    let mut wanted = Vec::new();
    for number in 0..ground.amount(30, 1_000) {
        let subpath = format!("subagents/agent-{number}");
        Log::with(ground, ground.sub("session", &subpath)?, 1).await?;
        wanted.push(subpath);
    }
    for limit in limits(ground) {
        let found = subkeys(&*ground.ours, &ground.project, "session", limit).await?;
        expect::same_names(format_args!("list-subkeys in pages of {limit}"), found, wanted.clone())?;
    }
    Ok(())
}
