//! The backend: one transcript's batches as files.
//!
//! ```text
//! .new/                                 what is being written
//! <project>+<session>/                  the main transcript
//!     00000000000000000001              a batch: a line that says what it is, then its payload
//!     tombstone+00000000000000000009    a tombstone stands, or was meant to stand, at that number
//!     sub+<subpath>/                    another transcript of the session, with batches of its own
//!         name                          the subpath, since a long one's folder is named by its digest
//! ```
//!
//! A file gets its name only once it is whole and synced, by a link, which fails where the name is taken: the file
//! system decides who gets a number, and a crash leaves nothing but a file in `.new`.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mirrorbox_adapter::encoding::{decode, encode, encode_file_name};
use mirrorbox_adapter::{Batch, Error, Kind, Result, SessionKey};

/// Where files are written. Not beside the batches: a folder that is listed holds nothing that goes away meanwhile.
const NEW: &str = ".new";
/// Before a subpath's folder name. No batch's name begins like it.
const SUBPATH: &str = "sub+";
/// The file that holds a subpath.
const NAME: &str = "name";
/// Before the number of a tombstone.
const TOMBSTONE: &str = "tombstone+";

/// The folder of one transcript.
#[derive(Debug)]
pub(crate) struct Log {
    root: PathBuf,
    folder: PathBuf,
}

impl Log {
    pub(crate) fn of(root: &Path, key: &SessionKey) -> Self {
        // Encoded, so that two keys never meet, and no key leaves the folder.
        let [project, session] = [&key.project_key, &key.session_id].map(|part| encode_file_name(part));
        let mut folder = root.join(format!("{project}+{session}"));
        if let Some(subpath) = &key.subpath {
            folder.push(format!("{SUBPATH}{}", encode_file_name(subpath)));
        }
        Self {
            root: root.to_owned(),
            folder,
        }
    }

    /// Stores a batch durably if its number is free; returns whether it was.
    pub(crate) fn create(&self, key: &SessionKey, batch: Batch) -> Result<bool> {
        for folder in [&self.folder, &self.root.join(NEW)] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        if let Some(subpath) = &key.subpath {
            // Before the first batch: a transcript that can be read can be listed.
            self.publish(NAME, &[subpath.as_bytes()]).map_err(failed)?;
        }
        if batch.kind == Kind::Tombstone {
            // Before the tombstone: what is looked for first is found in every case. One that fails hides nothing.
            self.publish(&format!("{TOMBSTONE}{}", file_name(batch.number)), &[])
                .map_err(failed)?;
        }
        let Batch {
            number,
            kind,
            writer,
            line,
            digest,
            payload,
        } = batch;
        // Both may hold any text.
        let [writer, digest] = [&writer, &digest].map(|text| encode(text));
        let header = format!("{} {writer} {line} {digest}\n", kind.name());
        self.publish(&file_name(number), &[header.as_bytes(), &payload])
            .map_err(failed)
    }

    /// Returns `None` if no batch has the number.
    pub(crate) fn read(&self, number: u64) -> Result<Option<Batch>> {
        let mut stored = match fs::read(self.folder.join(file_name(number))) {
            Ok(stored) => stored,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let damaged = || Error::corrupt(number, number, "its first line does not say what it is");
        let end = stored.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let payload = stored.split_off(end + 1);
        let header = String::from_utf8(stored).map_err(|_| damaged())?;
        let mut words = header.trim_end_matches('\n').split(' ');
        let mut word = || words.next().ok_or_else(damaged);
        let text = |word: &str| decode(word).ok_or_else(damaged);
        Ok(Some(Batch {
            number,
            kind: Kind::from_name(word()?).ok_or_else(damaged)?,
            writer: text(word()?)?,
            line: word()?.parse().map_err(|_| damaged())?,
            digest: text(word()?)?,
            payload,
        }))
    }

    /// The newest tombstone, which hides what is before it; 0 before the first.
    pub(crate) fn tombstone(&self) -> Result<u64> {
        let marks = names(&self.folder)?;
        let mut numbers: Vec<u64> = marks
            .iter()
            .filter_map(|name| name.strip_prefix(TOMBSTONE)?.parse().ok())
            .collect();
        numbers.sort_unstable();
        for number in numbers.into_iter().rev() {
            if self.read(number)?.is_some_and(|batch| batch.kind == Kind::Tombstone) {
                return Ok(number);
            }
        }
        Ok(0)
    }

    /// Removes a batch that a tombstone came before: nobody may count on it.
    pub(crate) fn take_back(&self, number: u64) -> Result<()> {
        fs::remove_file(self.folder.join(file_name(number))).map_err(failed)?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }

    /// The highest number; `None` if there is no batch.
    pub(crate) fn last(&self) -> Result<Option<u64>> {
        let numbers = names(&self.folder)?.into_iter().filter_map(|name| {
            // What is not a number is a subpath, or was left by a crash.
            name.parse().ok()
        });
        Ok(numbers.max())
    }

    /// The subpaths below a main transcript that hold more than a tombstone.
    pub(crate) fn subpaths(&self) -> Result<Vec<String>> {
        let folders = names(&self.folder)?
            .into_iter()
            .filter(|name| name.starts_with(SUBPATH));
        let mut subpaths = Vec::new();
        for folder in folders.map(|name| self.folder.join(name)) {
            let below = Self {
                root: self.root.clone(),
                folder,
            };
            // A crash may have left the folder, or its name, and no batch.
            if below.last()? > Some(below.tombstone()?) {
                subpaths.push(fs::read_to_string(below.folder.join(NAME)).map_err(failed)?);
            }
        }
        Ok(subpaths)
    }

    /// Gives content a name that is free; returns whether it was. Durable when it returns.
    fn publish(&self, name: &str, content: &[&[u8]]) -> io::Result<bool> {
        let new = self.root.join(NEW).join(format!("{:x}", nonce()));
        let mut file = File::create_new(&new)?;
        content.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        let linked = fs::hard_link(&new, self.folder.join(name));
        fs::remove_file(&new)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            linked => linked?,
        }
        // The names of the file and of the folders above it, or a power failure takes them back.
        let ours = self
            .folder
            .ancestors()
            .take_while(|above| above.starts_with(&self.root));
        ours.into_iter().try_for_each(|folder| File::open(folder)?.sync_all())?;
        Ok(true)
    }
}

/// As many digits as the largest number has, so that names sort as numbers do.
fn file_name(number: u64) -> String {
    format!("{number:020}")
}

/// Other instances write at the same time, to the same number perhaps: each under a name of its own.
fn nonce() -> u64 {
    // The keys are random in each instance, and others each time.
    RandomState::new().hash_one(0)
}

/// What stands in a folder; nothing if it is missing.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().map_err(failed)
}

/// What fails may work later: a full disk gets room. The host waits, tries again and says so.
fn failed(error: io::Error) -> Error {
    Error::Unavailable(error.to_string())
}
