//! Results on stdout, messages on stderr.

mod progress;
mod table;
mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::error::CliError;

pub(crate) use progress::Bar;
pub(crate) use table::{Table, left, right};
pub(crate) use text::{bytes, count, cut, instant, safe, safe_line};

/// Where results go. A reader that goes away is no failure: the rest is not printed.
#[derive(Debug)]
pub(crate) struct Output {
    to: BufWriter<Stdout>,
    json: bool,
    is_gone: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            to: BufWriter::with_capacity(64 << 10, io::stdout()),
            json,
            is_gone: false,
        }
    }

    /// Whether results are for a program.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Prints a line for people.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), CliError> {
        self.write(|to| writeln!(to, "{line}"))
    }

    /// Prints a document for programs, on one line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value)
            .map_err(|error| CliError::failed(format!("cannot print the result as JSON: {error}")))?;
        self.line(text)
    }

    /// Prints bytes as they are, and a line end.
    pub(crate) fn raw_line(&mut self, line: &[u8]) -> Result<(), CliError> {
        self.write(|to| {
            to.write_all(line)?;
            to.write_all(b"\n")
        })
    }

    /// Sends out what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.write(|to| to.flush())
    }

    fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
        if self.is_gone {
            return Ok(());
        }
        match write(&mut self.to) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_gone = true;
                Ok(())
            }
            written => written.map_err(|error| CliError::failed(format!("cannot write to stdout: {error}"))),
        }
    }
}

/// Tells the user something that is no result.
pub(crate) fn say(message: impl Display) {
    // Where nobody listens there is nobody to tell that.
    let _ = writeln!(io::stderr(), "{message}");
}

/// Whether a person sits before the terminal and can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks; anything but yes is no.
pub(crate) fn ask(question: impl Display) -> bool {
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stderr().flush());
    let answered = asked.and_then(|()| io::stdin().read_line(&mut answer));
    answered.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Sends what the library logs to stderr.
pub(crate) fn start_log(verbose: u8, stays: bool) {
    let filter = match verbose {
        // What becomes of followed files and of adapters is what a command that stays is there to tell.
        0 if stays => "warn,mirrorbox::host::adapters=info,mirrorbox::watch=info",
        // A destination that does not open is told by the command itself.
        0 => "warn,mirrorbox::host=error",
        1 => "info",
        _ => "info,mirrorbox=debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .init();
}
