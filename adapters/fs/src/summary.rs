//! Summaries, each under the number that it reaches to.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

use mirrorbox_adapter::{Result, Summary, log};

use crate::disk::{self, Temporary};
use crate::layout;
use crate::stream::Stream;

const SUMMARY: &str = ".json";

impl Stream<'_> {
    /// Stores a summary unless one is there that reaches as far.
    pub(crate) fn put_summary(&self, summary: &Summary) -> Result<()> {
        let stored = self.summaries()?;
        if stored.last().is_some_and(|through| *through >= summary.through) {
            return Ok(());
        }
        self.write_summary(summary)?;
        for through in stored {
            self.remove_summary(through)?;
        }
        // As with a batch: a tombstone that came meanwhile must not leave a summary behind.
        if self.newest_tombstone()? >= summary.through {
            self.remove_summary(summary.through)?;
        }
        Ok(())
    }

    fn write_summary(&self, summary: &Summary) -> Result<()> {
        let path = self.summary_path(summary.through);
        let written = disk::create_dir(&self.summary_dir())
            .and_then(|()| Temporary::write(self.layout, &[summary.json.as_bytes()]))
            .and_then(|temporary| temporary.rename(&path));
        written.map_err(|error| disk::failed_change("write", &path, error))
    }

    /// The summary that reaches furthest; a tombstone may hide it.
    pub(crate) fn summary(&self) -> Result<Option<Summary>> {
        let mut gone = None;
        while let Some(through) = self.summaries()?.last().copied() {
            let path = self.summary_path(through);
            match disk::read(&path) {
                Ok(json) => return Ok(Some(Summary { through, json })),
                // Replaced just now by one that reaches further.
                Err(error) if error.kind() == ErrorKind::NotFound && gone.replace(through) != Some(through) => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    log::warn(
                        "summary",
                        format_args!("{} is not text and was ignored", path.display()),
                    );
                    return Ok(None);
                }
                Err(error) => return Err(disk::failed("read", &path, error)),
            }
        }
        Ok(None)
    }

    /// Removes the summaries of what a tombstone hides.
    pub(crate) fn remove_summaries(&self, tombstone: u64) -> Result<()> {
        for through in self.summaries()?.range(..=tombstone) {
            self.remove_summary(*through)?;
        }
        Ok(())
    }

    fn remove_summary(&self, through: u64) -> Result<()> {
        let path = self.summary_path(through);
        disk::remove(&path).map_err(|error| disk::failed_change("remove", &path, error))
    }

    fn summaries(&self) -> Result<BTreeSet<u64>> {
        disk::numbers(&self.summary_dir(), SUMMARY)
    }

    fn summary_path(&self, through: u64) -> PathBuf {
        layout::numbered(&self.summary_dir(), through, SUMMARY)
    }

    fn summary_dir(&self) -> PathBuf {
        self.dir.join("summary")
    }
}
