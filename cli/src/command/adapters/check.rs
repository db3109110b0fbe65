//! `mirrorbox adapters check`: runs the conformance suite on an adapter and its backend.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use mirrorbox::config::grounds::{Grounds, Own};
use mirrorbox::config::{Acknowledge, Audit, Config, DestinationConfig, Keep, directory};
use mirrorbox::store::Store;
use mirrorbox_conformance::{Checked, Options, Outcome, Report};
use serde::Serialize;

use super::Context;
use crate::destinations::Destinations;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, left, right, safe};
use crate::paths;

/// Try every rule of the contract on an adapter and its backend, under project keys made up for that
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// An adapter of the configuration, or a component's file (NAME.wasm, with its manifest NAME.toml beside it)
    #[arg(value_name = "NAME|FILE")]
    adapter: String,
    /// Thousands of batches, subpaths and races, and payloads of 100 MB: minutes
    #[arg(long)]
    long: bool,
    /// Only the checks whose names contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// What random keys and payloads are made from [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Let it connect to wherever it wants, and print the grants that this took: a manifest with just those
    #[arg(long)]
    audit: bool,
}

impl Check {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let (mut config, name) = self.configuration(context)?;
        let audit = self.audit.then(|| begin_audit(&mut config, &name)).flatten();
        // Two hosts: each has instances of its own, and they meet in the backend.
        let ours = Destinations::open(&config, Some(&name)).await?;
        let theirs = Destinations::open(&config, Some(&name)).await?;
        let options = Options {
            long: self.long,
            seed: self.seed,
            filter: self.only,
        };
        let report = match (store(&ours), store(&theirs)) {
            (Ok(ours), Ok(theirs)) => Ok(mirrorbox_conformance::check([ours, theirs], &options).await),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        ours.close().await;
        theirs.close().await;
        let report = report?;
        if report.checks.is_empty() {
            return Err(CliError::usage(format!(
                "no check has `{}` in its name",
                options.filter
            )));
        }
        print(&mut context.output, &report, audit.map(|audit| audit.manifest()))?;
        Ok(if report.passed() { Exit::Done } else { Exit::Failed })
    }

    /// The configuration, or one made up for a file; and the name in it.
    fn configuration(&self, context: &Context) -> Result<(Config, String), CliError> {
        let file = Path::new(&self.adapter);
        match file.file_stem().and_then(OsStr::to_str) {
            Some(name) if file.extension() == Some(OsStr::new("wasm")) => {
                let state = paths::state_dir(&context.global)?;
                Ok((of_file(file, name, state)?, name.to_owned()))
            }
            _ => Ok((context.config()?, self.adapter.clone())),
        }
    }
}

/// Returns `None` if there is no such destination; opening it reports that.
fn begin_audit(config: &mut Config, name: &str) -> Option<Audit> {
    let mut destinations = config.destinations.iter_mut();
    let destination = destinations.find(|destination| destination.name == name)?;
    // This once it may connect to any host: nothing of that is approved or recorded for later.
    config.approvals = None;
    Some(destination.manifest.audit())
}

/// It is looked at as one of an adapter directory is: it runs under what the manifest beside it grants.
fn of_file(file: &Path, name: &str, state: PathBuf) -> Result<Config, CliError> {
    let dir = match file.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let cannot_look = |error: io::Error| CliError::usage(format!("cannot look at {}: {error}", dir.display()));
    let found = directory::scan(dir)
        .map_err(cannot_look)?
        .remove(name)
        .unwrap_or_default();
    let mut destination = DestinationConfig {
        name: name.to_owned(),
        component: found.component()?.to_owned(),
        manifest: found.manifest()?.0,
    };
    let mut grounds = Grounds::new([(Own::State, state.as_path())]);
    grounds.claim(name, &mut destination.manifest);
    if let Some(overlap) = grounds.overlap(name) {
        destination.manifest.refuse(overlap);
    }
    Ok(Config {
        dir: dir.to_owned(),
        state,
        projects_dir: None,
        acknowledge: Acknowledge::default(),
        keep: Keep::default(),
        approvals: None,
        destinations: vec![destination],
        refused: BTreeMap::new(),
    })
}

fn store(destinations: &Destinations) -> Result<Arc<dyn Store>, CliError> {
    let destination = destinations.each().first();
    let destination = destination.ok_or_else(|| CliError::failed("no destination was opened"))?;
    Ok(destination.store()?)
}

/// What was found, for programs.
#[derive(Serialize)]
struct CheckDocument<'a> {
    adapter: String,
    passed: bool,
    detects_gaps: bool,
    seed: u64,
    checks: &'a [Checked],
    /// The part of a manifest that allows what was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<String>,
}

fn print(output: &mut Output, report: &Report, grants: Option<String>) -> Result<(), CliError> {
    if output.is_json() {
        return output.json(&CheckDocument {
            adapter: format!("{} {}", report.store.name, report.store.version),
            passed: report.passed(),
            detects_gaps: report.detects_gaps,
            seed: report.seed,
            checks: &report.checks,
            grants,
        });
    }
    output.line(table(&report.checks))?;
    output.line("")?;
    output.line(safe(&report.to_string()))?;
    if let Some(grants) = grants {
        output.line("\nWhat it used, as the manifest grants it:\n")?;
        output.line(safe(&grants))?;
    }
    Ok(())
}

fn table(checks: &[Checked]) -> Table {
    let mut table = Table::new(&["CHECK", "RESULT", "SECONDS"]);
    for checked in checks {
        let result = match &checked.outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(_) => "FAILED".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        };
        let seconds = format!("{:.2}", checked.took.as_secs_f64());
        table.row([left(checked.name), left(result), right(seconds)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_check_is_one_line() {
        let checked = |name, outcome| Checked {
            name,
            rule: "",
            outcome,
            took: Duration::from_millis(1_230),
        };
        let checks = [
            checked("end", Outcome::Passed),
            checked("append-retry", Outcome::Failed("it was a conflict".into())),
            checked("compact", Outcome::Skipped("the store has no compaction".into())),
        ];
        assert_eq!(
            table(&checks).to_string(),
            "CHECK         RESULT                                SECONDS\n\
             end           passed                                   1.23\n\
             append-retry  FAILED                                   1.23\n\
             compact       skipped: the store has no compaction     1.23"
        );
    }
}
