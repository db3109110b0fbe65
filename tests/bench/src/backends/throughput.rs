//! Entries from an append to the server: ours are on local disk first, the SDK's are not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::config::{Flush, MirrorSettings};
use mirrorbox::mirror::DestinationOptions;
use mirrorbox::store::Store;

use super::sdk::Sdk;
use super::{Amount, Place};
use crate::mirror::{delivered, frames};
use crate::pairs::Pairs;
use crate::report::Report;

/// Each writes everything anew.
const ROUNDS: usize = 5;
const MODES: [(&str, Flush, &str); 2] = [("batched", Flush::Batched, "≥ 3"), ("eager", Flush::Eager, "≥ 10")];

pub(super) async fn measure(place: &Place, sdk: &Sdk, amount: &Amount, report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let sessions = frames::plain(frames::make(&dir.path().join("projects"), amount.mirrored)?);
    let file = dir.path().join("frames");
    frames::write(&sessions, &file)?;
    let count = frames::count(&sessions) as f64;
    for (mode, flush, aim) in MODES {
        let (mut pairs, mut lost) = (Pairs::default(), 0);
        for round in 0..amount.rounds.min(ROUNDS) {
            let project = format!("{mode}-{round}");
            let place = place.anew(&project)?;
            let theirs = sdk.write(&place, mode, &file)?;
            lost += theirs.lost;
            let ours = ours(&place, &dir.path().join(&project), &project, flush, &sessions).await?;
            pairs.add(theirs.took, ours);
        }
        let lost = match lost {
            0 => String::new(),
            lost => format!("; the SDK lost {lost} entries"),
        };
        let sides = format!(
            "{:.0} entries/s, synced and delivered; the SDK {:.0} entries/s{lost}",
            count / pairs.b().median,
            count / pairs.a().median
        );
        let what = format!(
            "{}: {mode}, time of the SDK with its kind of store for one of ours",
            place.name
        );
        report.pair(&what, aim, &pairs, &sides);
    }
    Ok(())
}

async fn ours(
    place: &Place,
    dir: &Path,
    project: &str,
    flush: Flush,
    sessions: &[frames::Session],
) -> anyhow::Result<Duration> {
    let store: Arc<dyn Store> = place.open().await?;
    let options = DestinationOptions {
        mirror: MirrorSettings {
            flush,
            ..MirrorSettings::default()
        },
        ..DestinationOptions::default()
    };
    delivered(dir, project, store, options, sessions).await
}
