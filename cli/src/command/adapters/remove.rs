//! `mirrorbox adapters remove`: removes an adapter, and what waits for it in the spool.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use mirrorbox::config::directory::is_destination_name;
use mirrorbox::config::{Config, DestinationConfig, Manifest};
use mirrorbox::host::Named;
use mirrorbox::mirror::{self, DestinationLook};
use serde::Serialize;

use super::Context;
use crate::error::{CliError, Exit};
use crate::output::{bytes, safe_line, say};

/// Take an adapter out of the configuration, and let go of what waits for it on this disk
///
/// An adapter whose component or manifest is missing, or cannot be used, is a destination all the same: what it does
/// not have is kept for it. This ends that. What is stored in its backend stays there.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// An adapter of the configuration, or one that was there before
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What was removed, for programs.
#[derive(Serialize)]
struct RemoveDocument<'a> {
    name: &'a str,
    /// Entries that it never got.
    entries: u64,
    /// Streams that were still to be deleted there.
    deletes: usize,
    files: Vec<String>,
}

impl Remove {
    pub(super) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.lenient_config()?;
        let files = self.files(&config)?;
        let waits = self.waits(&config)?;
        say(safe_line(&told(&self.name, &waits)));
        if !self.yes && !confirmed(&self.name)? {
            say("nothing was removed");
            return Ok(Exit::Failed);
        }
        for file in &files {
            remove(file)?;
        }
        if let Some(approvals) = &config.approvals {
            approvals.forget(&self.name)?;
        }
        // Last: as long as the name is known, this can be done again.
        Named::of(&config.state).forget(&self.name)?;
        let document = RemoveDocument {
            name: &self.name,
            entries: waits.entries,
            deletes: waits.deletes.len(),
            files: files.iter().map(|file| file.display().to_string()).collect(),
        };
        document.print(context)?;
        Ok(Exit::Done)
    }

    /// What stands of it in the adapter directory.
    fn files(&self, config: &Config) -> Result<Vec<PathBuf>, CliError> {
        let name = &self.name;
        let named = Named::of(&config.state).each();
        let named =
            named.map_err(|error| CliError::failed(format!("cannot read which destinations there were: {error}")))?;
        let files = ["wasm", "toml"].map(|kind| config.adapter_dir().join(format!("{name}.{kind}")));
        let is_there = |file: &PathBuf| file.symlink_metadata().is_ok();
        let files: Vec<_> = files.into_iter().filter(is_there).collect();
        if !is_destination_name(name) || files.is_empty() && !named.contains(name) {
            let there = config.destinations.iter().map(|there| there.name.clone());
            let names: BTreeSet<_> = there.chain(config.refused.keys().cloned()).chain(named).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            return Err(CliError::usage(format!("there is no adapter `{name}`")).advise(format!("there are: {names}")));
        }
        Ok(files)
    }

    fn waits(&self, config: &Config) -> Result<DestinationLook, CliError> {
        let known = config.destinations.iter().find(|there| there.name == self.name);
        let destination = known.cloned().unwrap_or_else(|| DestinationConfig {
            name: self.name.clone(),
            component: config.adapter_dir().join(format!("{}.wasm", self.name)),
            manifest: Manifest::default(),
        });
        let mut looks = mirror::look(&config.state, &[destination])?.destinations;
        looks.pop().ok_or_else(|| CliError::failed("nothing is known of it"))
    }
}

fn told(name: &str, waits: &DestinationLook) -> String {
    let (entries, size, deletes) = (waits.entries, bytes(waits.bytes), waits.deletes.len());
    match entries + deletes as u64 {
        0 => format!("nothing on this disk waits for `{name}`"),
        _ => format!(
            "`{name}` never got {entries} entries ({size}) in {} streams, and {deletes} streams are still to be deleted there",
            waits.streams.len()
        ),
    }
}

/// Asks on the terminal.
fn confirmed(name: &str) -> Result<bool, CliError> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(CliError::usage("nobody is there to be asked").advise("--yes removes it without asking"));
    }
    say(safe_line(&format!(
        "remove `{name}` from the configuration, and let go of that? [y/N]"
    )));
    let mut answer = String::new();
    let read = input.lock().read_line(&mut answer);
    read.map_err(|error| CliError::failed(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Removes a name, and syncs that.
fn remove(file: &Path) -> Result<(), CliError> {
    let removed = fs::remove_file(file).and_then(|()| match file.parent() {
        Some(dir) if cfg!(unix) => File::open(dir)?.sync_all(),
        _ => Ok(()),
    });
    removed.map_err(|error| CliError::failed(format!("cannot remove {}: {error}", file.display())))
}

impl RemoveDocument<'_> {
    fn print(&self, context: &mut Context) -> Result<(), CliError> {
        if context.output.is_json() {
            return context.output.json(self);
        }
        for file in &self.files {
            context.output.line(safe_line(&format!("removed {file}")))?;
        }
        context
            .output
            .line(safe_line(&format!("{} is no destination any more", self.name)))
    }
}
