//! The names that a listing found and did not hand out yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mirrorbox_adapter::Result;

use crate::disk;

/// So many names are kept at most: some 5 MiB. A folder that holds more is read once for each so many.
const MOST: usize = 65_536;

/// A caller that pages asks for the next page at once. What came or went since may or may not be seen, and should be
/// before long.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What an instance remembers from a page to the next, so that listing a folder reads it once and not once a page.
///
/// The host gives work to the instance that was used last. Where another one gets the next page, it reads the folder.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    kept: RefCell<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    names: Names,
    /// The token of the page that begins with them.
    token: String,
    since: Instant,
}

/// The names of a folder's folders behind a name, sorted.
#[derive(Debug)]
pub(crate) struct Names {
    dir: PathBuf,
    names: VecDeque<String>,
    /// The last that was taken, or where they begin.
    after: Option<String>,
    /// None are behind these.
    is_all: bool,
}

impl Ahead {
    /// The names behind a token: those kept for it, or what the folder holds now.
    pub(crate) fn names(&self, dir: &Path, token: Option<&str>) -> Result<Names> {
        let kept = self.kept.take().filter(|kept| kept.is_for(dir, token));
        match kept {
            Some(kept) => Ok(kept.names),
            None => Names::read(dir.to_owned(), token.map(str::to_owned)),
        }
    }

    /// For the page with that token.
    pub(crate) fn keep(&self, token: &str, names: Names) {
        self.kept.replace(Some(Kept {
            names,
            token: token.to_owned(),
            since: Instant::now(),
        }));
    }
}

impl Kept {
    fn is_for(&self, dir: &Path, token: Option<&str>) -> bool {
        self.names.dir == dir && token == Some(&self.token) && self.since.elapsed() < KEPT_FOR
    }
}

impl Names {
    fn read(dir: PathBuf, after: Option<String>) -> Result<Self> {
        let names = disk::folders(&dir, after.as_deref(), MOST)?;
        Ok(Self {
            dir,
            is_all: names.len() < MOST,
            names: names.into(),
            after,
        })
    }

    /// The next name; `None` if it is missing.
    pub(crate) fn next(&mut self) -> Result<Option<String>> {
        if self.names.is_empty() && !self.is_all {
            *self = Self::read(std::mem::take(&mut self.dir), self.after.take())?;
        }
        let Some(name) = self.names.pop_front() else {
            return Ok(None);
        };
        self.after = Some(name.clone());
        Ok(Some(name))
    }

    /// The folder that holds them.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Gives back a name that was taken: it is the next again.
    pub(crate) fn put_back(&mut self, name: String) {
        self.names.push_front(name);
    }
}
