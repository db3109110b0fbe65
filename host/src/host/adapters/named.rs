//! `<state>/destinations/NAME`, an empty file for each adapter that was ever a destination: its lines are kept until
//! they are there, whatever becomes of its component and its manifest.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::directory::is_destination_name;
use crate::disk::{Disk, Folder};
use crate::mirror::DeliveryRecords;
use crate::spool::SpoolError;

use super::LastGood;

/// The names of a state directory.
#[derive(Debug)]
pub struct Named {
    state: PathBuf,
}

impl Named {
    /// Those of a host's state directory. Nothing is made or read yet.
    pub fn of(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
        }
    }

    /// The names, sorted. Blocks for the disk.
    pub fn each(&self) -> io::Result<Vec<String>> {
        let folder = match Folder::open_existing(&self.dir()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        let mut names = folder.list(Path::new(""))?;
        names.retain(|name| is_destination_name(name));
        names.sort();
        Ok(names)
    }

    /// From now on it is one, after a crash, too. Blocks for the disk.
    pub(super) fn remember(&self, name: &str) -> io::Result<()> {
        let folder = Folder::open(&self.dir())?;
        match folder.create(Path::new(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => {
                made?.sync()?;
                folder.sync_dir(Path::new(""))
            }
        }
    }

    /// Lets go of a name and of everything that is kept of it here: what was opened under it, how far it had got, what
    /// was still to be deleted there. Lines that wait for nobody else go with the next sweep. A host that runs lets go
    /// of it when it ends. Blocks for the disk.
    pub fn forget(&self, name: &str) -> Result<(), SpoolError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| SpoolError::Io { path, source }
        };
        if !is_destination_name(name) {
            return Err(failed(Path::new(name))(io::ErrorKind::InvalidFilename.into()));
        }
        LastGood::of(&self.state, name)
            .forget()
            .map_err(failed(&self.state.join("adapters")))?;
        DeliveryRecords::open(&self.state)?.forget(name)?;
        // Last: what was left halfway is found again by its name.
        let dir = self.dir();
        let folder = match Folder::open_existing(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            folder => folder.map_err(failed(&dir))?,
        };
        crate::disk::remove_if_there(&folder, Path::new(name))
            .and_then(|()| folder.sync_dir(Path::new("")))
            .map_err(failed(&dir))
    }

    fn dir(&self) -> PathBuf {
        self.state.join("destinations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_until_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let named = Named::of(&dir.path().join("state"));
        assert_eq!(named.each().unwrap(), [""; 0]);
        for name in ["b", "a", "b"] {
            named.remember(name).unwrap();
        }
        assert_eq!(named.each().unwrap(), ["a", "b"]);
        for record in ["cursors/b/writer", "ledger/b", "adapters/b", "cursors/a"] {
            std::fs::create_dir_all(dir.path().join("state").join(record)).unwrap();
        }
        named.forget("b").unwrap();
        named.forget("never").unwrap();
        named.forget("../a").unwrap_err();
        assert_eq!(named.each().unwrap(), ["a"]);
        for (record, stays) in [
            ("cursors/b", false),
            ("ledger/b", false),
            ("adapters/b", false),
            ("cursors/a", true),
        ] {
            assert_eq!(dir.path().join("state").join(record).exists(), stays, "{record}");
        }
    }
}
