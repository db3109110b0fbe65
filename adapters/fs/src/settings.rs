//! What the manifest's `[config]` says.

use std::path::PathBuf;

use mirrorbox_adapter::{Result, Settings};

/// Where the manifest's `[grants]` put the folder, unless `root` says otherwise.
const DEFAULT_ROOT: &str = "/data";

/// Where the folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) root: PathBuf,
}

impl Options {
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let root = settings.or("root", PathBuf::from(DEFAULT_ROOT))?;
        settings.finish()?;
        Ok(Self { root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_setting() {
        let page = include_str!("../../../docs/adapters/fs.md");
        mirrorbox_adapter_rules::page::names_every_setting(page, &[], |settings| Options::read(settings).map(drop));
    }
}
