//! What it remembers in the backend, so that every instance of it makes the same mistakes.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use mirrorbox_adapter::encoding::encode_file_name;
use mirrorbox_adapter::{Error, Result};

/// A folder of short texts, each under a heading and a name.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    folder: PathBuf,
}

impl Notes {
    pub(crate) fn at(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    pub(crate) fn write(&self, heading: &[&str], name: &str, text: &str) -> Result<()> {
        let place = self.place(heading);
        fs::create_dir_all(&place).map_err(failed)?;
        // The name stands in the text, since no file name gives it back.
        fs::write(place.join(encode_file_name(name)), format!("{name}\n{text}")).map_err(failed)
    }

    /// Whether nobody has asked this before, decided as a batch's place is: by a file that must not be there.
    pub(crate) fn is_first(&self, question: &str) -> Result<bool> {
        let mut hasher = DefaultHasher::new();
        question.hash(&mut hasher);
        match File::create_new(self.folder.join(format!("{:016x}", hasher.finish()))) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// What is noted under a heading, by name.
    pub(crate) fn under(&self, heading: &[&str]) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.place(heading)).into_iter().flatten().flatten();
        let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
        let pairs = texts.filter_map(|text| {
            let (name, text) = text.split_once('\n')?;
            Some((name.to_owned(), text.to_owned()))
        });
        pairs.collect()
    }

    fn place(&self, heading: &[&str]) -> PathBuf {
        let parts = heading.iter().map(|part| encode_file_name(part));
        parts.fold(self.folder.clone(), |place, part| place.join(part))
    }
}

fn failed(error: io::Error) -> Error {
    Error::Unavailable(error.to_string())
}
