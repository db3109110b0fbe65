//! Results on stdout, messages on stderr: the one room through which everything goes that the command prints.
//!
//! What comes from outside (an adapter, a stored transcript, a file's name) reaches a terminal as printable text only,
//! which command prints it: `clippy.toml` has no other way to an output than through here.
#![allow(clippy::disallowed_methods, reason = "this is the room")]

mod figures;
mod log;
mod progress;
mod table;
mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

use crate::error::{CliError, Exit};

pub(crate) use figures::{bytes, count, cut, instant};
pub(crate) use log::start_log;
pub(crate) use progress::Bar;
pub(crate) use table::{Table, left, right};
pub(crate) use text::{safe, safe_line};

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

    /// Prints a line for people, or several.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), CliError> {
        let line = safe(&line.to_string());
        self.write(|to| writeln!(to, "{line}"))
    }

    /// Prints a document for programs, on one line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value)
            .map_err(|error| CliError::failed(format!("cannot print the result as JSON: {error}")))?;
        self.line(text::safe_json(&text))
    }

    /// Prints bytes as they are, and a line end; on a terminal, as text.
    pub(crate) fn raw_line(&mut self, line: &[u8]) -> Result<(), CliError> {
        if io::stdout().is_terminal() {
            return self.line(String::from_utf8_lossy(line));
        }
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
    let _ = writeln!(io::stderr(), "{}", text::message(&message.to_string()));
}

/// Says what went wrong; how to end.
pub(crate) fn report(error: &CliError) -> Exit {
    say(format_args!("error: {error}"));
    error.exit()
}

/// Answers what was wrong with the arguments, or the question for help; the exit code.
pub(crate) fn tell_usage(error: &clap::Error) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code());
    if error.use_stderr() {
        // It repeats what stood in the arguments, which may be from anywhere.
        let _ = write!(io::stderr(), "{}", safe(&error.render().to_string()));
        return code;
    }
    match error.print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Failed.code(),
        _ => code,
    }
}

/// Where the agent's own output goes on to, byte for byte: it prints what it would without us.
pub(crate) fn of_the_agent() -> tokio::io::Stdout {
    tokio::io::stdout()
}

/// Whether a person sits before the terminal and can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks; anything but yes is no.
pub(crate) fn ask(question: impl Display) -> bool {
    let mut answer = String::new();
    let question = text::message(&question.to_string());
    let asked = write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stderr().flush());
    let answered = asked.and_then(|()| io::stdin().read_line(&mut answer));
    answered.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
