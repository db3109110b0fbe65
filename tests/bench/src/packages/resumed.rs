//! A long session laid out for the agent's command: by the SDK from its kind of store, by the SDK from the package's
//! store, and by `mirrorbox run`, which is what `wrapped` starts.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::installed::Installed;
use super::machine::Machine;
use crate::backends::sdk::figure;
use crate::backends::{Amount, Place};
use crate::build::Built;
use crate::mirror::frames;
use crate::pairs::Pairs;
use crate::report::Report;

const ROUNDS: usize = 3;
/// What an entry of a long session has.
const ENTRY: u64 = 2_300;
/// Where both keep it.
const PROJECT: &str = "project";
const SESSION: &str = "7b1f6c0e-2d5a-4c3e-9f10-aa0000000001";

/// One side of it: the rounds beside the SDK's, and the most that memory rose, in KiB.
#[derive(Default)]
struct Side {
    pairs: Pairs,
    risen: f64,
}

pub(super) fn measure(
    built: &Built,
    python: &Installed,
    place: &Place,
    amount: &Amount,
    report: &mut Report,
) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("frames");
    let entries = amount.resumed / ENTRY;
    frames::write(&[frames::long(SESSION, entries, ENTRY as usize)], &file)?;
    let machine = Machine::keeping_in(built, place)?;
    let written = [place.name.as_ref(), "batched".as_ref(), file.as_os_str()];
    let written = python.run("sdk_stores.py", &written, &place.environment)?;
    ensure!(figure(&written, "lost")? == 0.0, "the SDK lost entries");
    let run = written.get("run").and_then(Value::as_str).context("no name")?;
    let theirs = format!("{run}/{SESSION}");
    let config = machine.config();
    let state = machine.state("written")?;
    let ours = [
        "batched".as_ref(),
        config.as_os_str(),
        state.as_os_str(),
        file.as_os_str(),
        PROJECT.as_ref(),
    ];
    python.run("mirrored.py", &ours, &[])?;
    let (mut by_sdk, mut by_run, mut their_risen) = (Side::default(), Side::default(), 0.0_f64);
    for round in 0..amount.rounds.min(ROUNDS) {
        let arguments = ["sdk".as_ref(), place.name.as_ref(), theirs.as_ref()];
        let said = python.run("resumed.py", &arguments, &place.environment)?;
        let (took, risen) = seen(&said, entries)?;
        their_risen = their_risen.max(risen);
        // Another machine's: nothing of it is here.
        let state = machine.state(&format!("package-{round}"))?;
        let arguments = [
            "package".as_ref(),
            config.as_os_str(),
            state.as_os_str(),
            SESSION.as_ref(),
        ];
        let (ours, risen) = seen(&python.run("resumed.py", &arguments, &[])?, entries)?;
        by_sdk.pairs.add(took, ours);
        by_sdk.risen = by_sdk.risen.max(risen);
        let (ours, risen) = run_of(&machine, round)?;
        by_run.pairs.add(took, ours);
        by_run.risen = by_run.risen.max(risen);
    }
    for (side, whose) in [(by_sdk, "`durable`"), (by_run, "`wrapped`")] {
        let sides = format!(
            "{:.2} s and {:.0} MiB; the SDK with its kind of store {:.2} s and {:.0} MiB: {:.2} of its memory",
            side.pairs.b().median,
            side.risen / 1024.0,
            side.pairs.a().median,
            their_risen / 1024.0,
            side.risen / their_risen
        );
        let what = format!(
            "{}: a session of {entries} entries and {} MB laid out for the command, the SDK's time for one of ours \
             with {whose}",
            place.name,
            amount.resumed / 1_000_000
        );
        report.pair(&what, "≥ 2, ≤ 0.33 of its memory", &side.pairs, &sides);
    }
    Ok(())
}

fn seen(said: &Value, entries: u64) -> anyhow::Result<(Duration, f64)> {
    ensure!(
        figure(said, "entries")? == entries as f64,
        "not everything was laid out"
    );
    Ok((
        Duration::from_secs_f64(figure(said, "seconds")?),
        figure(said, "risen_kib")?,
    ))
}

/// From the start of `mirrorbox run` to its end, with an agent that does nothing; and all the memory of its process,
/// in KiB.
fn run_of(machine: &Machine, round: usize) -> anyhow::Result<(Duration, f64)> {
    let state = machine.state(&format!("run-{round}"))?;
    let mut command = machine.command(&state);
    command.args(["run", "--cwd-key", PROJECT, "--resume", SESSION, "--", "sh", "-c"]);
    // The agent sees its session, and its parent's peak.
    let look = "wc -l < \"$(find \"$CLAUDE_CONFIG_DIR/projects\" -name '*.jsonl' | head -n 1)\" >&2; \
                grep VmHWM /proc/$PPID/status >&2";
    let start = Instant::now();
    let output = command.arg(look).output()?;
    let took = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let risen = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let risen = risen.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    Ok((took, risen.with_context(|| format!("no memory in: {said}"))?))
}
