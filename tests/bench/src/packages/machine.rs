use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use tempfile::TempDir;

use crate::backends::Place;
use crate::build::Built;

/// A configuration directory, as its owner makes it, and room for state directories.
#[derive(Debug)]
pub(super) struct Machine {
    folder: TempDir,
    mirrorbox: PathBuf,
}

impl Machine {
    /// With the fs adapter, and a folder that it keeps transcripts in.
    pub(super) fn keeping_in_a_folder(built: &Built) -> anyhow::Result<Self> {
        let machine = Self {
            folder: tempfile::tempdir()?,
            mirrorbox: built.mirrorbox.clone(),
        };
        let store = machine.folder.path().join("store");
        machine.run(&machine.made(), &["init", "--store", &store.to_string_lossy()])?;
        Ok(machine)
    }

    /// With the adapter of a server.
    pub(super) fn keeping_in(built: &Built, place: &Place) -> anyhow::Result<Self> {
        let machine = Self::keeping_in_a_folder(built)?;
        let made = machine.made();
        machine.run(&made, &["adapters", "install", place.name])?;
        let manifest = machine
            .config()
            .join("adapters")
            .join(place.name)
            .with_extension("toml");
        fs::write(manifest, place.manifest())?;
        machine.run(&made, &["adapters", "approve", place.name])?;
        machine.run(&made, &["adapters", "remove", "fs", "--yes"])?;
        Ok(machine)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// A state directory of its own for each name, with nothing in it but compiled adapters.
    pub(super) fn state(&self, name: &str) -> anyhow::Result<PathBuf> {
        let state = self.folder.path().join("states").join(name).join("state");
        self.run(&state, &["adapters"])?;
        Ok(state)
    }

    /// Where everything of it lies.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("asked")
    }

    fn made(&self) -> PathBuf {
        self.folder.path().join("made")
    }

    /// The command, with this configuration and a state directory.
    pub(super) fn command(&self, state: &Path) -> Command {
        let mut command = Command::new(&self.mirrorbox);
        command.arg("--config").arg(self.config()).arg("--state").arg(state);
        command
    }

    fn run(&self, state: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.command(state).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "mirrorbox {arguments:?}: {said}");
        Ok(())
    }
}
