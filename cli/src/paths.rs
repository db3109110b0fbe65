//! Where things are when nobody says so.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use mirrorbox::config::Config;

use crate::arguments::Global;
use crate::error::CliError;

const NAME: &str = "mirrorbox";

/// The configuration directory.
pub(crate) fn config_dir(global: &Global) -> Result<PathBuf, CliError> {
    match &global.config {
        Some(dir) => Ok(dir.clone()),
        None => Ok(platform("--config")?.config_dir().join(NAME)),
    }
}

/// Where the host keeps its own files.
pub(crate) fn state_dir(global: &Global) -> Result<PathBuf, CliError> {
    match &global.state {
        Some(dir) => Ok(dir.clone()),
        None => {
            let platform = platform("--state")?;
            Ok(platform.state_dir().unwrap_or_else(|| platform.data_dir()).join(NAME))
        }
    }
}

/// Where `init` puts transcripts.
pub(crate) fn store_dir() -> Result<PathBuf, CliError> {
    Ok(platform("--store")?.data_dir().join(NAME).join("transcripts"))
}

/// The agent's transcripts: what the option says, else the configuration, else where the agent keeps them.
pub(crate) fn projects_dir(option: Option<&Path>, config: &Config) -> Result<PathBuf, CliError> {
    if let Some(dir) = option.or(config.projects_dir.as_deref()) {
        return Ok(dir.to_owned());
    }
    mirrorbox::agent_format::projects_dir()
        .ok_or_else(|| CliError::usage("cannot find your home directory").advise("say where with --projects-dir"))
}

fn platform(option: &str) -> Result<impl BaseStrategy + use<>, CliError> {
    etcetera::choose_base_strategy().map_err(|error| {
        CliError::usage(format!("cannot find your home directory: {error}")).advise(format!("say where with {option}"))
    })
}
