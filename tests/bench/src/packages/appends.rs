//! One append after the other, each awaited: what the SDK's message loop waits for in front of an eager store.

use std::ffi::OsStr;

use anyhow::Context;

use super::installed::{Installed, rounds};
use super::machine::Machine;
use crate::backends::Place;
use crate::pairs::Pairs;
use crate::report::Report;

const SIZES: [&str; 3] = ["1", "10", "500"];

pub(super) fn measure(
    python: &Installed,
    machine: &Machine,
    place: Option<&Place>,
    how_many: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (name, environment) = place.map_or(("memory", &[][..]), |place| (place.name, &place.environment));
    let (config, state, how_many) = (machine.config(), machine.state("appends")?, how_many.to_string());
    let arguments = [
        name.as_ref(),
        config.as_os_str(),
        state.as_os_str(),
        OsStr::new(&how_many),
    ];
    let said = python.run("appends.py", &arguments, environment)?;
    for size in SIZES {
        let said = said.get(size).context("no such size")?;
        let [lone, theirs, ours] = ["lone", "theirs", "ours"].map(|side| rounds(said, side));
        let (lone, theirs, ours) = (lone?, theirs?, ours?);
        let (mut beside_lone, mut beside_theirs) = (Pairs::default(), Pairs::default());
        for ((lone, theirs), ours) in lone.into_iter().zip(theirs).zip(ours) {
            beside_lone.add(ours, lone);
            beside_theirs.add(theirs, ours);
        }
        let micros = |seconds: f64| seconds * 1e6;
        if place.is_none() {
            let sides = format!(
                "answered in {:.0} µs; a lone write and sync {:.0} µs",
                micros(beside_lone.a().median),
                micros(beside_lone.b().median)
            );
            let what = format!("an append of {size} entries of 1 kB: time of ours for one lone write and sync of them");
            report.pair(&what, if size == "1" { "≤ 1.3" } else { "—" }, &beside_lone, &sides);
        }
        let theirs = place.map_or("the SDK's store in memory".to_owned(), |place| {
            format!("a store in {}", place.name)
        });
        let sides = format!(
            "{theirs}, nothing synced: {:.0} µs; ours, on local disk: {:.0} µs",
            micros(beside_theirs.a().median),
            micros(beside_theirs.b().median)
        );
        let what = format!("{name}: an append of {size} entries, time of the SDK with {theirs} for one of ours");
        report.pair(&what, "—", &beside_theirs, &sides);
    }
    Ok(())
}
