//! The adapters before real servers: servers that fail, that are killed, that lose what they were given, and settings
//! that are wrong.

mod appending;
mod bucket;
mod compaction;
mod damage;
mod faults;
mod imports;
mod killed;
mod messages;
mod refusals;
mod round_trip;
mod storm;

use std::time::Duration;

/// So much time that only what never ends takes longer: servers, components and other builds share the machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A test for each of these adapters; its function gets the adapter's name.
macro_rules! each {
    ($run:ident: $($name:ident)*) => {
        mod $run {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$run(stringify!($name)).await;
            })*
        }
    };
}
use each;
