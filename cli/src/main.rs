//! `mirrorbox`: keeps the transcripts of AI agents safe in any storage, and brings them back.
#![deny(clippy::disallowed_macros, clippy::disallowed_methods)]

mod adding;
mod arguments;
mod built_in;
mod command;
mod compiler;
mod destinations;
mod error;
mod file_limit;
mod file_mask;
mod output;
mod paths;

use std::process::ExitCode;

use clap::Parser;
use mirrorbox::adapter;

use arguments::Global;
use command::Command;
use compiler::Compiler;
use error::{CliError, Exit};

/// Keeps the transcripts of AI agents safe in any storage, and brings them back byte for byte
#[derive(Debug, Parser)]
#[command(name = "mirrorbox", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed or damaged, 2 wrong usage or configuration, 3 done but not \
                          everything is kept and delivered, 130 interrupted; `run` ends with the agent's own, if that \
                          is not 0";

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
    file_limit::raise();
    adapter::Runtime::compile_with(compiler::this_program());
    adapter::Runtime::tell_slow_compiles(compiler::tell_slow);
    let exit = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let exit = runtime.block_on(until_interrupted(arguments));
            // What was dropped has nothing left to do: a thread that hangs in a file call is not waited for.
            runtime.shutdown_background();
            exit
        }
        Err(error) => output::report(&CliError::failed(format!("cannot start: {error}"))),
    };
    ExitCode::from(exit.code())
}

/// Runs the command. Interrupted, it is dropped where it stands: what is half done takes itself back.
async fn until_interrupted(arguments: Arguments) -> Exit {
    let handles_signals = arguments.command.handles_signals();
    tokio::select! {
        done = command::run(arguments) => done.unwrap_or_else(|error| output::report(&error)),
        Ok(()) = tokio::signal::ctrl_c(), if !handles_signals => {
            output::say("interrupted");
            Exit::Interrupted
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    /// Those of `docs/cli.md` begin with the command.
    #[test]
    fn the_page_has_a_row_for_every_command() {
        let page = include_str!("../../docs/cli.md");
        let rows: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")).collect();
        let has_row = |name: &str| {
            let of = |row: &&str| row.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '`']));
            assert!(rows.iter().any(of), "no row for `{name}`");
        };
        for command in Arguments::command().get_subcommands().filter(|one| !one.is_hide_set()) {
            has_row(command.get_name());
            for below in command.get_subcommands() {
                has_row(&format!("{} {}", command.get_name(), below.get_name()));
            }
        }
    }

    #[test]
    fn global_options_may_stand_anywhere() {
        let parsed = Arguments::try_parse_from(["mirrorbox", "sessions", "--json", "--project", "-srv-app", "-vv"]);
        let global = parsed.unwrap().global;
        assert!(global.json);
        assert_eq!(global.verbose, 2);
    }
}
