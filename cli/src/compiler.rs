//! `mirrorbox compile-component`: the process that compiles an adapter's component for another process of this program.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use mirrorbox::adapter::{SlowCompile, compile_component};

use crate::output::{bytes, say};

/// Not among the commands that people are offered, and looked for before anything is started: no thread may take a
/// share of its memory.
const NAME: &str = "compile-component";

/// Compile the component on standard input to standard output
#[derive(Debug, Parser)]
#[command(name = NAME)]
pub(crate) struct Compiler {
    /// The bytes of addresses that it may take
    #[arg(long, value_name = "BYTES")]
    memory: u64,
    /// The time of a processor that it may take
    #[arg(long, value_name = "SECONDS")]
    cpu: u64,
}

impl Compiler {
    pub(crate) fn asked_for() -> Option<Self> {
        let mut arguments = env::args_os().skip(1).peekable();
        arguments.peek().filter(|first| *first == NAME)?;
        Some(Self::parse_from(arguments))
    }

    pub(crate) fn run(&self) -> ExitCode {
        compile_component(self.memory, self.cpu)
    }
}

/// An interpreter takes a quarter of a minute: nobody is to wonder what takes so long.
pub(crate) fn tell_slow(slow: &SlowCompile) {
    let name = slow.path.file_name().unwrap_or_default().to_string_lossy();
    let once = if slow.once { ", once" } else { "" };
    say(format_args!("compiling {name} ({}){once}", bytes(slow.size)));
}

/// This very program, even where its file was replaced since it was started: its code is of the same version.
pub(crate) fn this_program() -> OsString {
    let running = Path::new("/proc/self/exe");
    match env::current_exe() {
        Ok(program) if !running.exists() => program.into(),
        _ => running.into(),
    }
}
