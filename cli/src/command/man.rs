use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::Context;
use crate::Arguments;
use crate::error::{CliError, Exit};

/// Print the manual page
///
/// To read it: mirrorbox man | man -l -
#[derive(Debug, Args)]
pub(crate) struct Man {}

impl Man {
    pub(super) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let mut page = Vec::new();
        let rendered = Page::new(Arguments::command().flatten_help(true)).render(&mut page);
        rendered.map_err(|error| CliError::failed(format!("cannot make the manual page: {error}")))?;
        context.output.raw_line(page.trim_ascii_end())?;
        Ok(Exit::Done)
    }
}
