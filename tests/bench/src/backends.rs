//! The adapters before real servers: beside the same client library called natively, beside the agent SDK with stores
//! that write to the same servers, and as the work grows.

mod growth;
mod place;
mod resume;
pub(crate) mod sdk;
mod sizes;
mod tax;
mod throughput;

use std::path::Path;

use mirrorbox::adapter::Runtime;
use mirrorbox_adapter_postgres::Postgres;
use mirrorbox_adapter_redis::Redis;
use mirrorbox_adapter_s3::S3;

pub(crate) use self::place::Place;
use self::sdk::Sdk;
use crate::build::Built;
use crate::report::Report;

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Amount {
    /// Only the adapters whose names hold this.
    pub(crate) only: String,
    /// Rounds of what is short.
    pub(crate) rounds: usize,
    /// Bytes of transcripts that are mirrored in a round.
    pub(crate) mirrored: u64,
    /// Bytes of the session that is resumed.
    pub(crate) resumed: u64,
    /// The most parts of a stream, and the most sessions.
    pub(crate) most: u64,
}

/// Everything about each of the three; one whose server is not installed is passed over, and said to be.
pub(crate) async fn measure(built: &Built, target: &Path, amount: &Amount, report: &mut Report) -> anyhow::Result<()> {
    let sdk = Sdk::find(target);
    if sdk.is_none() {
        eprintln!("The agent SDK and its clients are not installed, so nothing is compared with them.");
    }
    let cache = tempfile::tempdir()?;
    let runtime = Runtime::shared(Some(cache.path()))?;
    for name in Place::NAMES.into_iter().filter(|name| name.contains(&amount.only)) {
        let Some(place) = Place::start(name, built, &runtime)? else {
            continue;
        };
        let place = place.anew("calls")?;
        sizes::measure(&place, amount.rounds, report).await?;
        match name {
            "redis" => tax::measure::<Redis>(&place, amount.rounds, report).await?,
            "postgres" => tax::measure::<Postgres>(&place, amount.rounds, report).await?,
            _ => tax::measure::<S3>(&place, amount.rounds, report).await?,
        }
        if let Some(sdk) = &sdk {
            throughput::measure(&place, sdk, amount, report).await?;
            resume::measure(&place.anew("resumed")?, sdk, amount, report).await?;
        }
        growth::measure(&place, amount.most, report).await?;
    }
    Ok(())
}
