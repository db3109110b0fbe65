//! `mirrorbox adapters check`: runs the conformance suite on an adapter and its backend.

mod crash;
mod junit;
mod pace;
mod report;
mod subject;
mod watching;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use mirrorbox::config::{Examination, FreshFile, SyncedFiles};
use mirrorbox::store::Store;
use mirrorbox_conformance::{Checked, Options, check_durability, skip_durability};

use super::Context;
use crate::error::{CliError, Exit};
use crash::Machine;
use report::Findings;
use subject::Subject;

/// Why a component of preview 1 is excused.
const PREVIEW1: &str = "the component was built for WASI preview 1, whose adapter module refuses to sync a folder, so a crash \
                        of the machine may take the newest batches with it; build it for WASI 0.2 without that module \
                        (wasm32-wasip2), or write into a backend that is durable by itself";

/// Try every rule of the contract on an adapter and its backend, under project keys made up for that
///
/// A component's file needs no configuration: each directory that its manifest grants for writing is an empty one, made
/// for this and removed afterwards. A component without a manifest is granted such a directory as /data, if it can use
/// one.
#[derive(Clone, Debug, Args)]
pub(crate) struct Check {
    /// An adapter of the configuration, or a component's file (NAME.wasm, with its manifest NAME.toml beside it)
    #[arg(value_name = "NAME|FILE")]
    adapter: String,
    /// The manifest of a component's file, wherever it lies
    #[arg(long, value_name = "MANIFEST")]
    with: Option<PathBuf>,
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
    /// Writes the results to this file, too, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Checks anew whenever the component's file or its manifest has changed, until it is interrupted
    #[arg(long)]
    watch: bool,
}

impl Check {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        match self.watch {
            true => watching::run(&self, context).await,
            false => self.once(context).await,
        }
    }

    async fn once(&self, context: &mut Context) -> Result<Exit, CliError> {
        let mut subject = Subject::of(self, context).await?;
        let audit = self.audit.then(|| subject.audit());
        let findings = self.findings(&mut subject).await?;
        if findings.report.checks.is_empty() {
            return Err(CliError::usage(format!("no check has `{}` in its name", self.only)));
        }
        if let Some(place) = &self.junit {
            FreshFile::write(place, junit::document(&findings.report).as_bytes())?.put()?;
        }
        findings.print(&mut context.output, audit.map(|audit| audit.manifest()))?;
        Ok(match findings.report.passed() {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }

    async fn findings(&self, subject: &mut Subject) -> Result<Findings, CliError> {
        let examination = Examination::default();
        // Two hosts: each has instances of its own, and they meet in the backend.
        let ours = subject.open(&examination).await?;
        let theirs = subject.open(&examination).await?;
        let opened = (
            subject::store(&ours, &examination),
            subject::store(&theirs, &examination),
        );
        let checked = match opened {
            (Ok(ours), Ok(theirs)) => Ok(self.tried([ours, theirs], &examination).await),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let is_preview1 = ours
            .each()
            .iter()
            .any(|one| one.component().is_some_and(|one| one.is_preview1()));
        ours.close().await;
        theirs.close().await;
        let mut findings = checked?;
        let durable = self.durability(subject, is_preview1).await?;
        findings.report.checks.extend(durable);
        // What breaks a rule need not be fast; and who looks for one fault waits for nothing else.
        if findings.report.passed() && self.only.is_empty() {
            findings.pace = Some(pace::of(subject).await?);
        }
        Ok(findings)
    }

    fn options(&self, examination: &Examination) -> Options {
        let examination = examination.clone();
        Options {
            long: self.long,
            seed: self.seed,
            filter: self.only.clone(),
            take_said: Some(Arc::new(move || examination.take_said())),
        }
    }

    async fn tried(&self, stores: [Arc<dyn Store>; 2], examination: &Examination) -> Findings {
        Findings {
            report: mirrorbox_conformance::check(stores, &self.options(examination)).await,
            pace: None,
        }
    }

    /// What an adapter that keeps files holds after a crash, in folders of its own.
    async fn durability(&self, subject: &Subject, is_preview1: bool) -> Result<Vec<Checked>, CliError> {
        let examination = Examination::with_synced_files();
        let options = self.options(&examination);
        let skipped = |why| Ok(skip_durability(why, &options));
        if !subject.writes_files() {
            return skipped("it is granted no directory for writing: its backend's durability is not tried");
        }
        if !SyncedFiles::can_be_told() {
            return skipped("what is synced can be told on Linux only");
        }
        if skip_durability("", &options).is_empty() {
            return Ok(Vec::new());
        }
        let machine = Machine::start(subject, &examination).await?;
        let store = subject::store(machine.running(), &examination)?;
        let excuse = is_preview1.then_some(PREVIEW1);
        let checked = check_durability(&store, &machine, excuse, &options).await;
        drop(store);
        machine.stop().await;
        Ok(checked)
    }
}
