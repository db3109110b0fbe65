use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::Fault;
use crate::config::directory::Refusal;

/// How many links a path may lead over, as the system counts them.
const MOST_LINKS: u32 = 40;

/// Where a path leads, links resolved.
pub(super) struct Way {
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

impl Way {
    /// Walks to `path`, link by link: whoever can change a directory or a link on the way decides where it leads. Each
    /// directory in which a name is looked up goes to `directory`, each link to `link`.
    pub(super) fn to(
        path: &Path,
        directory: impl Fn(&Path, &Metadata) -> Result<(), Fault>,
        link: impl Fn(&Path, &Metadata) -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        let absolute = std::path::absolute(path).map_err(|error| Fault::of_io(path, &error))?;
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
                            return Err(Fault::of(path, Refusal::Dangling));
                        }
                        let target = fs::read_link(&next).map_err(|error| Fault::of_io(&next, &error))?;
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
            None => Err(Fault::of(path, Refusal::Absent)),
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

fn look(path: &Path, by_link: bool) -> Result<Metadata, Fault> {
    fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if by_link => Fault::of(path, Refusal::Dangling),
        _ => Fault::of_io(path, &error),
    })
}
