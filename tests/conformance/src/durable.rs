//! What a store that keeps files holds after its machine crashed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use mirrorbox::store::Store;

use crate::expect::{self, Broken, Verdict, conflicts};
use crate::ground::Ground;
use crate::log::Log;
use crate::report::{Checked, Outcome};
use crate::witness::{Calls, Witness};
use crate::{Options, Remains};

/// A rule, and the check that a store keeps it over a crash that leaves so much.
type DurableCheck = for<'a> fn(&'a Ground, &'a dyn Crash, Remains) -> LocalBoxFuture<'a, Verdict>;

const CHECKS: [(&str, &str, DurableCheck); 2] = [
    (
        "durable-append",
        "when `append` succeeds the batch is durable: a crash of the machine leaves it, and all before it",
        |ground, crash, remains| Box::pin(of_appends(ground, crash, remains)),
    ),
    (
        "durable-delete",
        "when `delete` succeeds its tombstone is durable: what it hides does not come back after a crash",
        |ground, crash, remains| Box::pin(of_deletes(ground, crash, remains)),
    ),
];

/// A machine that can crash.
pub trait Crash {
    /// The store as it is found after a crash at this moment that leaves so much, opened anew; or why it does not open.
    /// The store that was there goes on as if nothing had happened.
    fn after(&self, remains: Remains) -> LocalBoxFuture<'_, Result<Arc<dyn Store>, String>>;
}

/// Checks that what `store` acknowledged outlasts a crash. `excuse` says why it cannot sync the names in folders, if it
/// cannot: then that is a warning.
///
/// A store on which `crash` is never to be believed (one that keeps no files) is not to be checked.
pub async fn check_durability(
    store: &Arc<dyn Store>,
    crash: &dyn Crash,
    excuse: Option<&str>,
    options: &Options,
) -> Vec<Checked> {
    let can_delete = store.info().capabilities.deletion;
    let mut all = Vec::new();
    for (name, rule, check) in CHECKS.iter().filter(|(name, ..)| name.contains(&options.filter)) {
        let began = Instant::now();
        let calls = Calls::new(options.take_said.clone());
        let witness = Witness::of(store, &calls);
        let ground = || Ground::new(&[witness.clone(), witness.clone()], false, 0, name);
        let outcome = match (*name, can_delete) {
            ("durable-delete", false) => Outcome::Skipped("the store has no deletion".to_owned()),
            _ => match check(&ground(), crash, Remains::Synced).await {
                Ok(()) => Outcome::Passed,
                // With every name kept, what is still missing is content.
                Err(broken) => match check(&ground(), crash, Remains::SyncedAndNames).await {
                    Ok(()) => unsynced_names(&broken, excuse),
                    Err(broken) => Outcome::Failed(format!(
                        "{broken}; it answered before the file was synced: sync what is written, then answer"
                    )),
                },
            },
        };
        let call = calls.take().filter(|_| matches!(outcome, Outcome::Failed(_)));
        all.push(Checked {
            name,
            rule,
            outcome,
            call,
            took: began.elapsed(),
        });
    }
    all
}

/// The same checks, not made, and why.
pub fn skip_durability(why: &str, options: &Options) -> Vec<Checked> {
    let named = CHECKS.iter().filter(|(name, ..)| name.contains(&options.filter));
    let skipped = named.map(|(name, rule, _)| Checked {
        name,
        rule,
        outcome: Outcome::Skipped(why.to_owned()),
        call: None,
        took: Duration::ZERO,
    });
    skipped.collect()
}

fn unsynced_names(broken: &Broken, excuse: Option<&str>) -> Outcome {
    match excuse {
        Some(excuse) => Outcome::Warned(format!("{broken}: the names of new files are not synced; {excuse}")),
        None => Outcome::Failed(format!(
            "{broken}; the file was synced and its name was not: sync its folder, too, and each new folder's own folder"
        )),
    }
}

async fn crashed(crash: &dyn Crash, remains: Remains) -> Result<Arc<dyn Store>, Broken> {
    let found = crash.after(remains).await;
    found.map_err(|error| Broken::new(format!("after a crash it does not open: {error}")))
}

async fn of_appends(ground: &Ground, crash: &dyn Crash, remains: Remains) -> Verdict {
    for key in [ground.main("session")?, ground.sub("session", "subagents/agent-1")?] {
        let mut log = Log::new(ground, key);
        for number in 1..=3 {
            log.append(format!("{{\"number\":{number}}}\n")).await?;
            let found = crashed(crash, remains).await?;
            log.is_held_by(&*found, &format!("after a crash behind batch {number}"))
                .await?;
        }
    }
    Ok(())
}

async fn of_deletes(ground: &Ground, crash: &dyn Crash, remains: Remains) -> Verdict {
    let mut log = Log::with(ground, ground.main("session")?, 3).await?;
    let late = log.batches.clone();
    log.delete().await?;
    let found = crashed(crash, remains).await?;
    log.is_held_by(&*found, "after a crash behind a delete").await?;
    for batch in late {
        let number = batch.number;
        conflicts(
            found.append(&log.key, &batch, None).await,
            format_args!("a late append of batch {number}, after a crash behind tombstone 4"),
        )?;
    }
    let left = expect::all_after(&*found, &log.key, 0).await?;
    expect::same("after late appends behind a crash", &left, &log.batches)
}
