//! How long an append and a load take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorbox::store::Store;

use crate::expect::{self, Broken};
use crate::ground::Ground;
use crate::log::Log;

/// So many batches of so many bytes: a turn of an agent's.
const BATCHES: u32 = 40;
const BYTES: usize = 16 << 10;

/// How long a batch of 16 KiB takes, on average over some, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// To append it.
    pub append: Duration,
    /// To load it, with others on the same page.
    pub load: Duration,
}

/// Measures a store, under a project key of its own.
pub async fn measure(store: &Arc<dyn Store>) -> Result<Figures, String> {
    let ground = Ground::new(&[store.clone(), store.clone()], false, 0, "measure");
    let figures = measured(&ground).await;
    ground.clear().await;
    figures.map_err(|broken| broken.to_string())
}

async fn measured(ground: &Ground) -> Result<Figures, Broken> {
    let mut log = Log::new(ground, ground.main("session")?);
    let began = Instant::now();
    for _ in 0..BATCHES {
        log.append(vec![b'x'; BYTES]).await?;
    }
    let append = began.elapsed() / BATCHES;
    let began = Instant::now();
    expect::all_after(&*ground.ours, &log.key, 0).await?;
    Ok(Figures {
        append,
        load: began.elapsed() / BATCHES,
    })
}
