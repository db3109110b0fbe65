use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use crate::command::Command;

/// Keeps the transcripts of AI agents safe in any storage, and brings them back byte for byte
#[derive(Debug, Parser)]
#[command(name = "mirrorbox", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed or damaged, 2 wrong usage or configuration, 3 done but not \
                          everything is delivered";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The configuration directory [default: the platform's]
    #[arg(long, value_name = "DIR", env = "MIRRORBOX_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where Mirrorbox keeps its own files [default: the platform's directory for state]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Open adapters that may do more than adapters.lock says, and take that down there
    #[arg(long, global = true)]
    pub(crate) auto_approve: bool,
    /// Say more on stderr; twice: still more
    #[arg(long, short, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

/// Which destination answers.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Source {
    /// Use this destination only [default: the first that answers]
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
}

/// Which stored session is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// The session's id, or the beginning of it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Its project key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) project: Option<String>,
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
            assert!(rows.iter().any(|row| of(&row)), "no row for `{name}`");
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
