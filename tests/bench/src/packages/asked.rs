//! A whole `query()` of the agent's SDK with its real command, and a model that answers at once.

use anyhow::Context;
use mirrorbox_servers::Model;

use super::installed::{Installed, rounds};
use super::machine::Machine;
use crate::pairs::Pairs;
use crate::report::Report;

pub(super) fn measure(
    python: &Installed,
    machine: &Machine,
    how_many: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let model = Model::start().context("no port for the stand-in model")?;
    let (config, folder, how_many) = (machine.config(), machine.folder(), how_many.to_string());
    let arguments = [config.as_os_str(), folder.as_os_str(), how_many.as_ref()];
    let said = python.run("asked.py", &arguments, &model.environment())?;
    let without = rounds(&said, "without")?;
    for side in ["durable", "wrapped"] {
        let mut pairs = Pairs::default();
        for (ours, without) in rounds(&said, side)?.into_iter().zip(&without) {
            pairs.add(ours, *without);
        }
        let sides = format!(
            "{:.0} ms; with no store {:.0} ms",
            pairs.a().median * 1e3,
            pairs.b().median * 1e3
        );
        let what = format!("a whole `query()` with the stand-in model: time with `{side}` for one with no store");
        report.pair(&what, "≤ 1.02", &pairs, &sides);
    }
    Ok(())
}
