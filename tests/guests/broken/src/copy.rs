//! Copies what was stored properly to where it is read from, carelessly.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use mirrorbox_adapter::{Error, Result};

/// Copies every file and folder that is in `from` and not in `into`. Files are synced if `sync`, folders never.
pub(crate) fn copy(from: &Path, into: &Path, sync: bool) -> Result<()> {
    deep(from, into, sync).map_err(|error| Error::Unavailable(error.to_string()))
}

fn deep(from: &Path, into: &Path, sync: bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = into.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if !place.is_dir() {
                fs::create_dir(&place)?;
            }
            deep(&entry.path(), &place, sync)?;
        } else if !place.is_file() {
            let mut file = File::create(&place)?;
            file.write_all(&fs::read(entry.path())?)?;
            if sync {
                file.sync_all()?;
            }
        }
    }
    Ok(())
}
