use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Content, Difference, LockEntry, LockError, Permissions, Verdict};
use crate::config::gate::{self, FileGate};
use crate::config::grounds::real;
use crate::config::{ConfigError, FreshFile, Manifest};

/// The file in the configuration directory.
pub(in crate::config) const NAME: &str = "adapters.lock";

/// The approvals of a configuration directory: `adapters.lock`.
///
/// Several processes may ask and write at once. Asking blocks for the disk.
#[derive(Clone, Debug)]
pub struct Approvals {
    dir: PathBuf,
    auto: bool,
}

/// An adapter that may be opened. Once it has, [`Admission::record`] takes down what it is.
#[derive(Clone, Debug)]
#[must_use = "what is not recorded is not known the next time"]
pub struct Admission {
    approvals: Approvals,
    name: String,
    entry: LockEntry,
    verdict: Verdict,
    /// Nothing under that name has opened yet.
    was_tried: bool,
}

impl Approvals {
    /// Those of the configuration directory `dir`. With `auto`, whatever wants more is approved as it comes.
    pub fn of(dir: &Path, auto: bool) -> Self {
        Self {
            dir: dir.to_owned(),
            auto,
        }
    }

    /// The same, with everything approved as it comes.
    pub fn approving_everything(self) -> Self {
        Self { auto: true, ..self }
    }

    /// The file. While an adapter waits for approval, a change of it is worth another look.
    pub fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// What the lock would say of a component with these imports under this manifest.
    pub fn entry(&self, sha256: &str, imports: &[String], manifest: &Manifest) -> LockEntry {
        LockEntry {
            sha256: sha256.to_owned(),
            permissions: Permissions::of(imports, manifest, &self.base()),
            tried: false,
        }
    }

    /// How an adapter stands to what was approved. Changes nothing.
    pub fn verdict(&self, name: &str, entry: &LockEntry) -> Result<Verdict, ConfigError> {
        Ok(entry.verdict(self.read()?.entries.get(name)))
    }

    /// What was approved under a name.
    pub fn approved(&self, name: &str) -> Result<Option<LockEntry>, ConfigError> {
        Ok(self.read()?.entries.remove(name))
    }

    /// Whether an adapter may be opened, or has to wait. Changes nothing.
    pub fn admit(&self, name: &str, entry: LockEntry) -> Result<Admission, LockError> {
        let approved = self.approved(name).map_err(LockError::Unreadable)?;
        match entry.verdict(approved.as_ref()) {
            Verdict::Wider(difference) if !self.auto => Err(waiting(name, difference)),
            verdict => Ok(Admission {
                approvals: self.clone(),
                name: name.to_owned(),
                was_tried: approved.is_some_and(|approved| approved.tried),
                entry,
                verdict,
            }),
        }
    }

    /// Takes down what an adapter is and may do, whatever was approved before.
    pub fn approve(&self, name: &str, entry: &LockEntry) -> Result<(), ConfigError> {
        self.change(|content| {
            content.entries.insert(name.to_owned(), entry.clone());
            true
        })
    }

    /// Forgets what was approved under a name: what next opens there is new.
    pub fn forget(&self, name: &str) -> Result<(), ConfigError> {
        self.change(|content| content.entries.remove(name).is_some())
    }

    /// Records what is about to run for the first time. Fails if another process has recorded something that may do
    /// less meanwhile.
    fn try_out(&self, name: &str, entry: &LockEntry) -> Result<(), LockError> {
        let mut outcome = Ok(());
        let changed = self.change(|content| match entry.verdict(content.entries.get(name)) {
            Verdict::New => {
                let tried = LockEntry {
                    tried: true,
                    ..entry.clone()
                };
                content.entries.insert(name.to_owned(), tried);
                true
            }
            Verdict::Wider(difference) if !self.auto => {
                outcome = Err(waiting(name, difference));
                false
            }
            _ => false,
        });
        match changed {
            Ok(()) => outcome,
            Err(error @ ConfigError::Write { .. }) => {
                tracing::warn!(destination = name, "it is not recorded that it is tried: {error}");
                Ok(())
            }
            Err(error) => Err(LockError::Unreadable(error)),
        }
    }

    /// Records it unless another process approved less meanwhile.
    fn record(&self, name: &str, entry: &LockEntry) -> Result<(), ConfigError> {
        self.change(|content| {
            let approved = content.entries.get(name);
            let is_wider = matches!(entry.verdict(approved), Verdict::Wider(_));
            if is_wider && !self.auto || approved == Some(entry) {
                return false;
            }
            content.entries.insert(name.to_owned(), entry.clone());
            true
        })
    }

    /// Reads, changes and writes the file while no other process does. `change` says whether there is anything to
    /// write.
    fn change(&self, change: impl FnOnce(&mut Content) -> bool) -> Result<(), ConfigError> {
        let path = self.path();
        let _locked = lock(&self.dir).map_err(|source| ConfigError::Write {
            path: path.clone(),
            source,
        })?;
        let mut content = self.read()?;
        if !change(&mut content) {
            return Ok(());
        }
        // A link stays one. What is not there yet has no other name; why it cannot be looked at, writing it says.
        let place = path.canonicalize().unwrap_or(path);
        FreshFile::write_private(&place, content.to_string().as_bytes())?.put()
    }

    fn read(&self) -> Result<Content, ConfigError> {
        let path = self.path();
        match FileGate::of(&self.dir).read(&path, gate::MAX_LOCK)? {
            Some(content) => Content::parse(&path, &content, &self.base()),
            None => Ok(Content::default()),
        }
    }

    fn base(&self) -> PathBuf {
        real(&self.dir.join("adapters"))
    }
}

impl Admission {
    /// How it stands to what was approved.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Before its first instance is made: what is new is recorded as tried, so that whatever stands under this name
    /// the next time, whether this one opens or not, may do no more. Blocks for the disk.
    pub fn try_out(&self) -> Result<(), LockError> {
        match &self.verdict {
            Verdict::New => self.approvals.try_out(&self.name, &self.entry),
            Verdict::Same | Verdict::Changed(_) | Verdict::Wider(_) => Ok(()),
        }
    }

    /// Takes down what was opened, if it is anything new. Where the file cannot be written, that is a warning: the
    /// adapter works, and is looked at anew the next time. Blocks for the disk.
    pub fn record(self) {
        let Self { name, entry, .. } = &self;
        match &self.verdict {
            Verdict::Same if !self.was_tried => return,
            Verdict::Wider(difference) => {
                let more = difference.more.join("; ");
                tracing::warn!(destination = name, "approved without being asked: {more}");
            }
            Verdict::New | Verdict::Same | Verdict::Changed(_) => {}
        }
        if let Err(error) = self.approvals.record(name, entry) {
            tracing::warn!(destination = name, "what it may do is not recorded: {error}");
        }
    }
}

fn waiting(name: &str, difference: Difference) -> LockError {
    LockError::Waiting {
        name: name.to_owned(),
        more: difference.more,
    }
}

/// Keeps other processes out until it is dropped. The directory itself is locked: the file in it is replaced, and one
/// more file would be in everybody's way.
#[cfg(unix)]
fn lock(dir: &Path) -> io::Result<File> {
    let dir = File::open(dir)?;
    dir.lock()?;
    Ok(dir)
}

/// A directory cannot be locked here: of two processes that write at once, the last one's word counts.
#[cfg(not(unix))]
fn lock(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
