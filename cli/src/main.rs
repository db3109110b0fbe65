//! `mirrorbox`: keeps the transcripts of AI agents safe in any storage, and brings them back.

mod adding;
mod arguments;
mod built_in;
mod command;
mod destinations;
mod error;
mod output;
mod paths;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use error::{CliError, Exit};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::start_log(arguments.global.verbose, arguments.command.stays());
    if let Err(error) = mirrorbox::host::raise_file_limit() {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
    let exit = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(until_interrupted(arguments)),
        Err(error) => error::report(&CliError::failed(format!("cannot start: {error}"))),
    };
    ExitCode::from(exit.code())
}

/// Runs the command. Interrupted, it is dropped where it stands: what is half done takes itself back.
async fn until_interrupted(arguments: Arguments) -> Exit {
    let handles_signals = arguments.command.handles_signals();
    tokio::select! {
        done = command::run(arguments) => done.unwrap_or_else(|error| error::report(&error)),
        Ok(()) = tokio::signal::ctrl_c(), if !handles_signals => {
            output::say("interrupted");
            Exit::Interrupted
        }
    }
}
