//! Checks of two calls at once on one stream: exactly one wins, whole.

use futures_util::future::{join, try_join};
use mirrorbox::store::{Batch, Chain, Store, StoreError};

use crate::expect::{self, Broken, Verdict, works};
use crate::ground::{Ground, entries};
use crate::log::Log;

/// Which of two answers is the success, if the other is a conflict.
fn one_won(number: u64, answers: [Result<(), StoreError>; 2]) -> Result<bool, Broken> {
    match answers {
        [Ok(()), Err(StoreError::Conflict)] => Ok(true),
        [Err(StoreError::Conflict), Ok(())] => Ok(false),
        [Ok(()), Ok(())] => Err(Broken::new(format!("two batches {number} were both accepted"))),
        [ours, theirs] => Err(Broken::new(format!(
            "of two batches {number} exactly one must be accepted and the other be a conflict: {ours:?}, {theirs:?}"
        ))),
    }
}

/// Appends both at once, through a handle each.
async fn race(ground: &Ground, log: &Log<'_>, ours: &Batch, theirs: &Batch) -> [Result<(), StoreError>; 2] {
    let (ours, theirs) = join(
        ground.ours.append(&log.key, ours, None),
        ground.theirs.append(&log.key, theirs, None),
    )
    .await;
    [ours, theirs]
}

pub(super) async fn one_wins_a_number(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    for _ in 0..ground.amount(50, 1_000) {
        let ours = log.next("{\"ours\":true}\n");
        let theirs = log.next("{\"theirs\":true}\n");
        let answers = race(ground, &log, &ours, &theirs).await;
        let won = one_won(ours.number, answers)?;
        log.note(if won { ours } else { theirs });
    }
    log.holds("after races").await
}

pub(super) async fn the_same_batch_succeeds_twice(ground: &Ground) -> Verdict {
    let mut log = Log::new(ground, ground.main("session")?);
    for _ in 0..ground.amount(20, 300) {
        let batch = log.next("{\"twice\":true}\n");
        for answer in race(ground, &log, &batch, &batch).await {
            works(
                answer,
                format_args!("one of two appends at once of the same batch {}", batch.number),
            )?;
        }
        log.note(batch);
    }
    log.holds("after appends in twos").await
}

pub(super) async fn a_tombstone_takes_a_number(ground: &Ground) -> Verdict {
    for round in 0..ground.amount(10, 200) {
        let mut log = Log::with(ground, ground.main(&format!("session {round}"))?, 2).await?;
        let (tombstone, late) = (log.next_tombstone(), log.next("{\"late\":true}\n"));
        let answers = race(ground, &log, &tombstone, &late).await;
        if one_won(3, answers)? {
            log.batches.clear();
            log.note(tombstone);
        } else {
            log.note(late);
        }
        log.holds("after a race with a tombstone").await?;
    }
    Ok(())
}

/// The late append may land before the tombstone or be refused: it is hidden either way, and stays so.
pub(super) async fn a_delete_hides_what_lands_beside_it(ground: &Ground) -> Verdict {
    for round in 0..ground.amount(10, 200) {
        let mut log = Log::with(ground, ground.main(&format!("session {round}"))?, 2).await?;
        let (tombstone, late) = (log.rival_tombstone(4), log.next("{\"late\":true}\n"));
        let (deleted, appended) = join(
            ground.ours.delete(&log.key, &tombstone),
            ground.theirs.append(&log.key, &late, None),
        )
        .await;
        works(deleted, "a delete with tombstone 4 beside an append of batch 3")?;
        if appended.is_err() {
            expect::conflicts(appended, "an append of batch 3 beside a delete with tombstone 4")?;
        }
        log.batches.clear();
        log.note(tombstone);
        log.holds("after a delete beside an append").await?;
    }
    Ok(())
}

/// Each host writes its own lines, and reads on behind the other's whenever a number is taken.
pub(super) async fn two_hosts_share_a_stream(ground: &Ground) -> Verdict {
    let key = ground.main("session")?;
    let lines = ground.amount(25, 500) as u64;
    try_join(
        write(&*ground.ours, &key, "ours", lines),
        write(&*ground.theirs, &key, "theirs", lines),
    )
    .await?;
    let stored = expect::all_after(&*ground.ours, &key, 0).await?;
    let mut chain = Chain::start(&key);
    for batch in &stored {
        let number = batch.number;
        expect::equal("the number of a batch", number, chain.number() + 1)?;
        expect::that(chain.follows(batch), || {
            format!("batch {number} does not follow the one before")
        })?;
        chain.advance(batch);
    }
    for writer in ["ours", "theirs"] {
        let found = stored.iter().filter(|batch| batch.origin.writer == writer);
        let found: Vec<_> = found.map(|batch| batch.origin.line).collect();
        expect::equal(format_args!("the lines of `{writer}`"), found, (1..=lines).collect())?;
    }
    Ok(())
}

async fn write(store: &dyn Store, key: &mirrorbox::key::SessionKey, writer: &str, lines: u64) -> Verdict {
    let mut chain = Chain::start(key);
    for line in 1..=lines {
        loop {
            let batch = chain.number_draft(entries(writer, line, format!("{{\"line\":{line}}}\n")));
            match store.append(key, &batch, None).await {
                Ok(()) => break chain.advance(&batch),
                Err(StoreError::Conflict) => {
                    let behind = expect::all_after(store, key, chain.number()).await?;
                    // Else both would wait for each other for ever.
                    expect::that(!behind.is_empty(), || {
                        format!("batch {} is a conflict, although nobody else appended", batch.number)
                    })?;
                    behind.iter().for_each(|batch| chain.advance(batch));
                }
                Err(error) => return works(Err(error), format_args!("append of batch {}", batch.number)),
            }
        }
    }
    Ok(())
}
