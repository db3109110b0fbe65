//! Whether a store in another language keeps the contract.

use std::sync::Arc;

use mirrorbox::store::Store;
use mirrorbox_conformance::{Options, check};
use serde_json::json;

use crate::failure::{Class, Failure};

/// Runs every check against two handles on the same backend; what came of them, as JSON. Blocks.
pub fn conformance(
    stores: [Arc<dyn Store>; 2],
    long: bool,
    seed: Option<u64>,
    filter: String,
) -> Result<String, Failure> {
    let options = Options { long, seed, filter };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| Failure::new(Class::State, error))?;
    let report = runtime.block_on(check(stores, &options));
    let said = json!({
        "text": report.to_string(),
        "passed": report.passed(),
        "detects_gaps": report.detects_gaps,
        "seed": report.seed,
        "checks": report.checks,
    });
    Ok(said.to_string())
}
