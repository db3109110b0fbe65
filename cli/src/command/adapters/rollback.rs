//! `mirrorbox adapters rollback`: puts the component back that was open before the present one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use mirrorbox::config::FreshFile;
use mirrorbox::config::directory::is_destination_name;
use mirrorbox::host::{Good, LastGood};
use serde::Serialize;

use super::Context;
use crate::error::{CliError, Exit};

/// Put the last component that was opened, other than the one that is there, back into the configuration
///
/// Hosts keep the two components that they opened last, with their manifests. A host that runs takes the change over.
/// The manifest that it replaces stays beside it as NAME.toml.before-rollback.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// Which adapter
    #[arg(value_name = "NAME")]
    name: String,
}

/// What was done, for programs.
#[derive(Serialize)]
struct RollbackDocument<'a> {
    name: &'a str,
    component: &'a Path,
    sha256: &'a str,
    manifest_replaced: bool,
}

/// What stands in the adapter directory, as far as it can be read.
struct PresentFiles {
    component: PathBuf,
    manifest: PathBuf,
    bytes: Option<Vec<u8>>,
    text: Option<String>,
}

impl Rollback {
    pub(super) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        if !is_destination_name(&self.name) {
            return Err(CliError::usage(format!("there is no adapter {:?}", self.name)));
        }
        // What is wrong may be just what is to be undone.
        let config = context.lenient_config()?;
        let present = PresentFiles::at(&config.adapter_dir(), &self.name);
        let kept = LastGood::of(&config.state, &self.name);
        let (good, bytes) = self.choose(&kept, &present)?;
        let document = RollbackDocument {
            name: &self.name,
            component: &present.component,
            sha256: &good.sha256,
            manifest_replaced: present.put_manifest(&good)?,
        };
        present.put_component(&bytes)?;
        document.print(context)?;
        Ok(Exit::Done)
    }

    /// The newest that is not what is there.
    fn choose(&self, kept: &LastGood, present: &PresentFiles) -> Result<(Good, Vec<u8>), CliError> {
        let cannot_read = |error: io::Error| CliError::failed(format!("cannot read what was kept: {error}"));
        for good in kept.each().map_err(cannot_read)? {
            let bytes = kept.read(&good).map_err(cannot_read)?;
            if present.bytes.as_ref() != Some(&bytes) || present.is_other_manifest(&good) {
                return Ok((good, bytes));
            }
        }
        let name = &self.name;
        Err(
            CliError::failed(format!("no other component was opened as `{name}` before"))
                .advise("a host keeps what it opens; there is nothing to go back to before the second one"),
        )
    }
}

impl PresentFiles {
    fn at(dir: &Path, name: &str) -> Self {
        let component = dir.join(format!("{name}.wasm"));
        let manifest = dir.join(format!("{name}.toml"));
        // Nothing else is opened: a fifo would hold us up.
        let read = |path: &Path| {
            fs::metadata(path)
                .ok()
                .filter(|file| file.is_file())
                .and_then(|_| fs::read(path).ok())
        };
        Self {
            bytes: read(&component),
            text: read(&manifest).and_then(|bytes| String::from_utf8(bytes).ok()),
            component,
            manifest,
        }
    }

    /// Whether that one had a manifest, and it said something else.
    fn is_other_manifest(&self, good: &Good) -> bool {
        good.manifest.is_some() && good.manifest != self.text
    }

    /// Before the component: it may need what its manifest said. Whether it was another.
    fn put_manifest(&self, good: &Good) -> Result<bool, CliError> {
        let Some(text) = good.manifest.as_ref().filter(|_| self.is_other_manifest(good)) else {
            return Ok(false);
        };
        if let Some(before) = &self.text {
            let aside = self.manifest.with_extension("toml.before-rollback");
            FreshFile::write_like(&self.manifest, &aside, before.as_bytes())?.put()?;
        }
        FreshFile::write_like(&self.manifest, &self.manifest, text.as_bytes())?.put()?;
        Ok(true)
    }

    fn put_component(&self, bytes: &[u8]) -> Result<(), CliError> {
        Ok(FreshFile::write_like(&self.component, &self.component, bytes)?.put()?)
    }
}

impl RollbackDocument<'_> {
    fn print(&self, context: &mut Context) -> Result<(), CliError> {
        if context.output.is_json() {
            return context.output.json(self);
        }
        let (component, sha256) = (self.component.display(), self.sha256);
        context
            .output
            .line(format_args!("put back {component}: sha256 {sha256}"))?;
        match self.manifest_replaced {
            true => context.output.line("its manifest is the one of that time again"),
            false => Ok(()),
        }
    }
}
