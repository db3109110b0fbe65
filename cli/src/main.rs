//! `mirrorbox`: keeps the transcripts of AI agents safe in any storage, and brings them back.
#![deny(clippy::disallowed_macros, clippy::disallowed_methods)]

mod adding;
mod arguments;
mod built_in;
mod command;
mod compiler;
mod destinations;
mod error;
mod file_mask;
mod output;
mod paths;

use std::process::ExitCode;

use clap::Parser;
use mirrorbox::adapter;

use arguments::Arguments;
use compiler::Compiler;
use error::{CliError, Exit};

fn main() -> ExitCode {
    file_mask::make_private();
    if let Some(compiler) = Compiler::asked_for() {
        return compiler.run();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(output::tell_usage(&error)),
    };
    output::start_log(arguments.global.verbose, arguments.command.stays());
    if let Err(error) = mirrorbox::host::raise_file_limit() {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
    adapter::Runtime::compile_with(compiler::this_program());
    let exit = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let exit = runtime.block_on(until_interrupted(arguments));
            // What was dropped has nothing left to do: a thread that hangs in a file call is not waited for.
            runtime.shutdown_background();
            exit
        }
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
