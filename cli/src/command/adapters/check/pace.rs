//! How long an append and a load take, beside the adapter that comes with the command.

use std::fmt;

use mirrorbox::config::Examination;
use mirrorbox_conformance::{Figures, measure};
use serde::Serialize;

use super::{Subject, subject};
use crate::built_in;
use crate::destinations::Destinations;
use crate::error::CliError;

/// So often each is measured, in turns; the quickest counts, for machines have other work.
const ROUNDS: usize = 3;

/// What was measured, in milliseconds for a batch of 16 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Pace {
    append_ms: f64,
    load_ms: f64,
    /// So many times as long as the reference takes; none where this binary carries no reference.
    append_ratio: Option<f64>,
    load_ratio: Option<f64>,
}

pub(super) async fn of(subject: &mut Subject) -> Result<Pace, CliError> {
    let examination = Examination::default();
    let folder = tempfile::tempdir().map_err(|error| CliError::failed(format!("cannot make a folder: {error}")))?;
    let place = folder.path().join("fs.wasm");
    let reference = match built_in::FS.component() {
        Ok(component) => {
            let written = std::fs::write(&place, component);
            written.map_err(|error| CliError::failed(format!("cannot write {}: {error}", place.display())))?;
            Some(subject.reference(place)?)
        }
        Err(_not_built_in) => None,
    };
    let ours = subject.open(&examination).await?;
    let theirs = match reference {
        Some(mut reference) => {
            let opened = reference.open(&examination).await?;
            Some((opened, reference))
        }
        None => None,
    };
    let mut figures = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        figures.0.push(measured(&ours, &examination).await?);
        if let Some((theirs, _)) = &theirs {
            figures.1.push(measured(theirs, &examination).await?);
        }
    }
    ours.close().await;
    if let Some((theirs, _)) = &theirs {
        theirs.close().await;
    }
    Ok(Pace::between(&figures.0, &figures.1))
}

async fn measured(opened: &Destinations, examination: &Examination) -> Result<Figures, CliError> {
    let store = subject::store(opened, examination)?;
    let figures = measure(&store).await;
    figures.map_err(|error| CliError::failed(format!("it could not be measured: {error}")))
}

impl Pace {
    fn between(ours: &[Figures], theirs: &[Figures]) -> Self {
        let quickest = |figures: &[Figures], of: fn(&Figures) -> f64| figures.iter().map(of).reduce(f64::min);
        let append = |figures: &Figures| figures.append.as_secs_f64() * 1_000.0;
        let load = |figures: &Figures| figures.load.as_secs_f64() * 1_000.0;
        let ratio = |of: fn(&Figures) -> f64| Some(quickest(ours, of)? / quickest(theirs, of)?.max(f64::EPSILON));
        Self {
            // There is a round at least.
            append_ms: quickest(ours, append).unwrap_or_default(),
            load_ms: quickest(ours, load).unwrap_or_default(),
            append_ratio: ratio(append),
            load_ratio: ratio(load),
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio =
            |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!(" ({ratio:.1} times the fs adapter's)"));
        write!(
            f,
            "a batch of 16 KiB: append {:.2} ms{}, load {:.2} ms{}",
            self.append_ms,
            ratio(self.append_ratio),
            self.load_ms,
            ratio(self.load_ratio)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_quickest_of_each_are_compared() {
        let figures = |append, load| Figures {
            append: Duration::from_micros(append),
            load: Duration::from_micros(load),
        };
        let pace = Pace::between(&[figures(3_000, 500), figures(2_000, 900)], &[figures(1_000, 1_000)]);
        assert_eq!(
            pace.to_string(),
            "a batch of 16 KiB: append 2.00 ms (2.0 times the fs adapter's), load 0.50 ms (0.5 times the fs adapter's)"
        );
        let alone = Pace::between(&[figures(2_000, 500)], &[]);
        assert_eq!(alone.to_string(), "a batch of 16 KiB: append 2.00 ms, load 0.50 ms");
    }
}
