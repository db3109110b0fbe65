use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Context;
use crate::Arguments;
use crate::error::{CliError, Exit};

/// Print completions for a shell
///
/// For bash, say: mirrorbox completions bash > /etc/bash_completion.d/mirrorbox
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let mut script = Vec::new();
        let mut command = Arguments::command();
        let name = command.get_name().to_owned();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        context.output.raw_line(script.trim_ascii_end())?;
        Ok(Exit::Done)
    }
}
