//! Measures the figures of `docs/benchmarks.md`: `cargo xtask bench`.
//!
//! Machines are noisy and differ: what counts are ratios. Both sides of a ratio are measured in turns, A B A B …, in
//! one run, and the median of the rounds' ratios is given with its range.

mod backends;
mod build;
mod instances;
mod mirror;
mod native;
mod packages;
mod pairs;
mod report;
mod sandbox;
mod startup;
mod throughput;

use std::path::PathBuf;

use clap::Parser;

use crate::backends::Amount;
use crate::build::Built;
use crate::report::Report;

/// Measures Mirrorbox and writes the result as Markdown.
#[derive(Debug, Parser)]
struct Args {
    /// The directory with what `cargo xtask build` built.
    #[arg(long)]
    target: PathBuf,
    /// Where to write the report; standard output has it in any case.
    #[arg(long)]
    out: Option<PathBuf>,
    /// How many rounds each pair is measured for.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// How much transcript is imported and restored, in MiB; what is mirrored is a part of it.
    #[arg(long, default_value_t = 128)]
    mib: u64,
    /// The adapters before their servers, and nothing else.
    #[arg(long)]
    backends: bool,
    /// The Python package beside the agent's SDK alone, and nothing else.
    #[arg(long, conflicts_with = "backends")]
    packages: bool,
    /// Only the parts whose name holds this: throughput, appends, delivery, sandbox, instances, startup; redis,
    /// postgres, s3; of the package memory and query, too.
    #[arg(long, default_value = "")]
    only: String,
    /// Up to how many parts of a stream are loaded, and how many sessions listed.
    #[arg(long, default_value_t = 10_000)]
    most: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let built = Built::find(&args.target)?;
    if args.backends {
        return backends(&args, &built);
    }
    if args.packages {
        return packages(&args, &built);
    }
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(&args, &built, &mut report))?;
    if args.wants("startup") {
        startup::measure(&built, args.rounds * 2, &mut report)?;
    }
    let about = report::everything(args.rounds, args.mib);
    print(&report.to_markdown("Benchmarks", &about), &args)
}

async fn measure(args: &Args, built: &Built, report: &mut Report) -> anyhow::Result<()> {
    let few = args.rounds.min(7);
    if args.wants("throughput") {
        throughput::measure(built, args.mib << 20, few, report).await?;
    }
    if args.wants("appends") {
        mirror::appends(few, report).await?;
    }
    if args.wants("delivery") {
        mirror::delivery(built, &args.target, args.mib << 18, few, report).await?;
    }
    if args.wants("sandbox") {
        sandbox::measure(built, args.rounds, report).await?;
    }
    if args.wants("instances") {
        instances::measure(built, args.rounds, report).await?;
    }
    Ok(())
}

impl Args {
    fn wants(&self, part: &str) -> bool {
        part.contains(&self.only)
    }

    fn amount(&self) -> Amount {
        Amount {
            only: self.only.clone(),
            rounds: self.rounds,
            mirrored: self.mib << 17,
            resumed: self.mib.min(128) * 1_800_000,
            most: self.most,
        }
    }
}

fn backends(args: &Args, built: &Built) -> anyhow::Result<()> {
    let mut report = Report::default();
    let amount = args.amount();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(backends::measure(built, &args.target, &amount, &mut report))?;
    let about = report::backends(args.rounds);
    print(&report.to_markdown("Benchmarks of the adapters", &about), args)
}

fn packages(args: &Args, built: &Built) -> anyhow::Result<()> {
    let mut report = Report::default();
    packages::measure(built, &args.target, &args.amount(), &mut report)?;
    let about = report::packages(args.rounds);
    print(&report.to_markdown("Benchmarks of the Python package", &about), args)
}

fn print(text: &str, args: &Args) -> anyhow::Result<()> {
    println!("{text}");
    if let Some(path) = &args.out {
        std::fs::write(path, text)?;
    }
    Ok(())
}
