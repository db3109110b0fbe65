use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::FileFault;
use super::Rejected;

/// How many links a path may lead over, as the system counts them.
const MOST_LINKS: u32 = 40;

/// Where a path leads, links resolved.
pub(super) struct ResolvedPath {
    pub(super) target: PathBuf,
    /// Of the target, which is no link.
    pub(super) metadata: Metadata,
}

/// A step of a path.
enum Step {
    /// To the root of a file system.
    Root(PathBuf),
    Up,
    Down(OsString),
}

impl ResolvedPath {
    /// Walks to `path`, link by link: a user who can change a directory or link on the way decides where it leads. Each
    /// directory in which a name is looked up goes to `directory`, each link to `link`.
    pub(super) fn to(
        path: &Path,
        directory: impl Fn(&Path, &Metadata) -> Result<(), FileFault>,
        link: impl Fn(&Path, &Metadata) -> Result<(), FileFault>,
    ) -> Result<Self, FileFault> {
        let absolute = std::path::absolute(path).map_err(|error| FileFault::of_io(path, &error))?;
        let (mut left, mut links) = (steps(&absolute), 0);
        let mut at = PathBuf::new();
        let mut metadata = None;
        while let Some(step) = left.pop() {
            match step {
                Step::Root(root) => at = root,
                Step::Up => {
                    at.pop();
                }
                Step::Down(name) => {
                    if let Some(before) = metadata.take() {
                        directory(&at, &before)?;
                    }
                    let next = at.join(name);
                    let found = look(&next, links > 0)?;
                    if found.is_symlink() {
                        link(&next, &found)?;
                        links += 1;
                        if links > MOST_LINKS {
                            return Err(FileFault::of(path, Rejected::Dangling));
                        }
                        let target = fs::read_link(&next).map_err(|error| FileFault::of_io(&next, &error))?;
                        left.extend(steps(&target));
                    } else {
                        at = next;
                    }
                }
            }
            metadata = Some(look(&at, links > 0)?);
        }
        match metadata {
            Some(metadata) => Ok(Self { target: at, metadata }),
            None => Err(FileFault::of(path, Rejected::Absent)),
        }
    }
}

/// The steps of a path, the last one first.
fn steps(path: &Path) -> Vec<Step> {
    let mut root = PathBuf::new();
    let mut steps = Vec::new();
    for component in path.components() {
        match component {
            Component::Prefix(_) => root.push(component),
            Component::RootDir => {
                root.push(component);
                steps.push(Step::Root(root.clone()));
            }
            Component::CurDir => {}
            Component::ParentDir => steps.push(Step::Up),
            Component::Normal(name) => steps.push(Step::Down(name.to_owned())),
        }
    }
    steps.reverse();
    steps
}

fn look(path: &Path, by_link: bool) -> Result<Metadata, FileFault> {
    fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if by_link => FileFault::of(path, Rejected::Dangling),
        _ => FileFault::of_io(path, &error),
    })
}
