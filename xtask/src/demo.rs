use crate::workspace::Workspace;
use anyhow::Result;
use clap::Args;
#[derive(Debug, Args)]
pub(crate) struct Options {}
pub(crate) fn run(_: &Workspace, _: &Options) -> Result<()> {
    anyhow::bail!("not yet")
}
