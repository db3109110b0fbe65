use mirrorbox::store::{Chain, StoreError};

use crate::expect::Broken;
use crate::ground::{Ground, entries};
use crate::log::Log;

/// Whether an append that would leave a hole is a conflict that changes nothing.
pub(crate) async fn are_detected(ground: &Ground) -> Result<bool, Broken> {
    let log = Log::with(ground, ground.main("session")?, 2).await?;
    let mut chain = Chain::start(&log.key);
    for batch in &log.batches {
        chain.advance(batch);
    }
    chain.next(entries("check", 3, "{\"never\":\"appended\"}\n"));
    let beyond = chain.number_draft(entries("check", 4, "{}\n"));
    match ground.ours.append(&log.key, &beyond, None).await {
        Err(StoreError::Conflict) => log.holds("after a gap").await.map(|()| true),
        _ => Ok(false),
    }
}
