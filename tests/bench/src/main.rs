//! Measures the figures of `docs/benchmarks.md`: `cargo xtask bench`.
//!
//! Machines are noisy and differ: what counts are ratios. Both sides of a ratio are measured in turns, A B A B …, in
//! one run, and the median of the rounds' ratios is given with its range.

mod build;
mod mirror;
mod pairs;
mod report;
mod sandbox;
mod startup;
mod throughput;

use std::path::PathBuf;

use clap::Parser;

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
    /// How much transcript is imported and restored, in MiB.
    #[arg(long, default_value_t = 128)]
    mib: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let built = Built::find(&args.target)?;
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(throughput::measure(
        &built,
        args.mib << 20,
        args.rounds.min(7),
        &mut report,
    ))?;
    runtime.block_on(mirror::measure(
        &built,
        &args.target,
        args.mib << 18,
        args.rounds.min(7),
        &mut report,
    ))?;
    runtime.block_on(sandbox::measure(&built, args.rounds, &mut report))?;
    startup::measure(&built, args.rounds * 2, &mut report)?;
    let text = report.to_markdown(args.rounds, args.mib);
    println!("{text}");
    if let Some(path) = args.out {
        std::fs::write(path, text)?;
    }
    Ok(())
}
