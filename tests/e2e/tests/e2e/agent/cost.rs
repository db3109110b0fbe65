//! What a user waits for: the result line, with Mirrorbox and without.

use std::process::Command;
use std::time::{Duration, Instant};

use mirrorbox_e2e::{Claude, Installation, Machine, Running, amount};

const RESULT: &str = "\"type\":\"result\"";

/// Prints the ratio, which belongs to the machine; that both get their result is what can fail here.
#[test]
fn the_result_comes_as_it_does_without() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::new(dir.path(), Installation::at(dir.path()));
    let mut ratios: Vec<f64> = (0..amount(3, 25))
        .map(|_| {
            let with = until_result(machine.asking(&claude, &[], "hello"));
            let without = until_result(plain(&machine, &claude));
            with.as_secs_f64() / without.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    println!(
        "time until the result, for one without Mirrorbox: {:.3} ({least:.3} to {most:.3}, {} pairs)",
        ratios[ratios.len() / 2],
        ratios.len()
    );
}

fn until_result(command: Command) -> Duration {
    let start = Instant::now();
    let mut running = Running::start(command);
    running.wait_line(RESULT);
    let took = start.elapsed();
    running.end().succeeded();
    took
}

/// The same command, alone.
fn plain(machine: &Machine, claude: &Claude) -> Command {
    let mut command = Command::new(&claude.program);
    command
        .args([
            "-p",
            "hello",
            "--output-format",
            "stream-json",
            "--verbose",
            "--allowedTools=Bash,Agent,Task",
        ])
        .current_dir(&machine.here)
        .env("HOME", &machine.home)
        .env_remove("CLAUDE_CONFIG_DIR")
        .env_remove("CLAUDE_CODE_PROJECT_DIR_NAME")
        .envs(claude.model.environment());
    command
}
