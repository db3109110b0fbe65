//! The directories that adapters are granted, held against each other and against the host's own.
//!
//! A guest can rename and link whatever lies in a directory that it may write to. Where a second grant lies within the
//! first, it could put a link in its place, and the next to open the second one would be led elsewhere. So granted
//! directories lie side by side, whichever adapter has them and by whatever path, link or mount they are reached; and
//! none holds, or lies in, what decides what is run: the configuration, and the host's state with the compiled code.
//! `Grounds::overlap` finds what does not keep to that; the manifest is refused then, and its adapter not opened.

mod ground;
mod mounts;
#[cfg(feature = "wasm")]
mod open;
mod overlap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{DirMode, Manifest, SourceLocation};
use ground::{Ground, Meeting};
use mounts::Mounts;
use overlap::With;

pub(super) use ground::real;
#[cfg(feature = "wasm")]
pub(crate) use open::open;
pub use overlap::{Overlap, Own};

/// What the adapters of one configuration are granted, by name, and what is the host's own.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    own: Vec<(Own, Ground)>,
    granted: BTreeMap<String, Vec<Granted>>,
}

/// A granted directory.
#[derive(Clone, Debug)]
struct Granted {
    /// As the manifest has it.
    dir: PathBuf,
    mode: DirMode,
    line: Option<SourceLocation>,
    ground: Ground,
}

impl Grounds {
    /// Where nothing is granted yet. Looks at the disk.
    pub fn new<'a>(own: impl IntoIterator<Item = (Own, &'a Path)>) -> Self {
        let mounts = Mounts::read();
        let own = own.into_iter().map(|(what, path)| (what, Ground::of(path, &mounts)));
        Self {
            own: own.collect(),
            granted: BTreeMap::new(),
        }
    }

    /// Of a configuration and the state that goes with it. Looks at the disk.
    pub fn of_host(config: &Path, state: &Path) -> Self {
        let parts = ["", super::ADAPTERS, super::MAIN_FILE, super::lock::NAME].map(|part| config.join(part));
        let parts = parts.iter().map(|part| (Own::Configuration, part.as_path()));
        Self::new(parts.chain([(Own::State, state)]))
    }

    /// Takes down what a manifest grants under a name, in the place of what was granted under it before, and settles
    /// where the manifest's directories lie: [`Manifest::settle`]. The manifest also learns where the state directory
    /// is, so that the adapter leaves room on that disk. Looks at the disk.
    pub fn claim(&mut self, name: &str, manifest: &mut Manifest) {
        let mounts = Mounts::read();
        let granted = manifest.settle().map(|(grant, place, line)| Granted {
            dir: grant.host.clone(),
            mode: grant.mode,
            line: line.cloned(),
            ground: Ground::of(place, &mounts),
        });
        self.granted.insert(name.to_owned(), granted.collect());
        if let Some((_, state)) = self.own.iter().find(|(own, _)| *own == Own::State) {
            manifest.set_state(state.path());
        }
    }

    /// Nothing is granted under a name any more.
    pub fn release(&mut self, name: &str) {
        self.granted.remove(name);
    }

    /// What is wrong with what a name is granted: the first overlap with the host's own, with a grant of its own, or
    /// with another adapter's. Without I/O.
    ///
    /// Adapters that are granted the very same directory are fine as long as both only read it: neither can change what
    /// the other sees.
    pub fn overlap(&self, name: &str) -> Option<Overlap> {
        let granted = self.granted.get(name)?;
        granted.iter().enumerate().find_map(|(index, one)| {
            let earlier = granted.iter().take(index).map(|other| (name, other));
            let others = self.granted.iter().filter(|(other, _)| *other != name);
            let others = others.flat_map(|(name, granted)| granted.iter().map(move |other| (name.as_str(), other)));
            self.with_own(one).or_else(|| {
                earlier
                    .chain(others)
                    .find_map(|(adapter, other)| one.with(adapter, other))
            })
        })
    }

    fn with_own(&self, one: &Granted) -> Option<Overlap> {
        self.own.iter().find_map(|(own, ground)| {
            let meeting = one.ground.meets(ground)?;
            Some(one.overlap(meeting, With::Own(*own, ground.path().to_owned())))
        })
    }
}

impl Granted {
    fn with(&self, adapter: &str, other: &Self) -> Option<Overlap> {
        let meeting = self.ground.meets(&other.ground)?;
        let nobody_writes = [self.mode, other.mode] == [DirMode::ReadOnly; 2];
        let with = || With::Granted {
            adapter: adapter.to_owned(),
            dir: other.dir.clone(),
            line: other.line.clone(),
        };
        (meeting != Meeting::Same || !nobody_writes).then(|| self.overlap(meeting, with()))
    }

    fn overlap(&self, meeting: Meeting, with: With) -> Overlap {
        Overlap {
            line: self.line.clone(),
            dir: self.dir.clone(),
            meeting,
            with,
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
