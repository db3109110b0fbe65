//! Writes a projects directory of made-up transcripts.

use std::io;
use std::path::PathBuf;

use clap::Parser;
use mirrorbox_transcripts::{Giant, Projects};

/// Write a projects directory of made-up agent transcripts.
#[derive(Debug, Parser)]
struct Args {
    /// The projects directory; it is made if it is missing.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// How many sessions.
    #[arg(long, default_value_t = 20, conflicts_with = "giant")]
    sessions: usize,
    /// How many bytes all files together hold, about.
    #[arg(long, default_value_t = 32_000_000)]
    bytes: u64,
    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One session with one very long main transcript.
    #[arg(long)]
    giant: bool,
}

fn main() -> io::Result<()> {
    let Args {
        into,
        sessions,
        bytes,
        seed,
        giant,
    } = Args::parse();
    let written = match giant {
        true => Giant { seed, bytes }.write(&into)?,
        false => Projects { seed, sessions, bytes }.write(&into)?,
    };
    println!(
        "{} sessions, {} transcripts, {} sidecars, {} lines, {} bytes, longest line {} bytes: {}",
        written.sessions.len(),
        written.transcripts,
        written.sidecars,
        written.lines,
        written.bytes,
        written.longest_line,
        into.display()
    );
    Ok(())
}
