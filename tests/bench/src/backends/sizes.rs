//! How large a component is, and how long it takes until it answers.

use std::fs;
use std::time::Instant;

use super::Place;
use crate::pairs::Pairs;
use crate::report::Report;

pub(super) async fn measure(place: &Place, rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let bytes = fs::metadata(&place.component)?.len() as f64;
    let start = Instant::now();
    // Everything is compiled for it, for the first and only time.
    place.open().await?.close().await;
    let cold = start.elapsed();
    let mut warm = Pairs::default();
    for _ in 0..rounds {
        let start = Instant::now();
        let adapter = place.open().await?;
        warm.add(cold, start.elapsed());
        adapter.close().await;
    }
    report.row(
        &format!("{}: the component", place.name),
        &format!("{:.2} MB", bytes / 1e6),
        "—",
        &format!(
            "open to its server {:.1} ms after it was found in the code cache, {:.0} ms where it was compiled first",
            warm.b().median * 1e3,
            cold.as_secs_f64() * 1e3
        ),
    );
    Ok(())
}
