//! A file system of directories and symbolic links, as POSIX has it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arbitrary::{Arbitrary, Result, Unstructured};

/// As many links are followed by one path.
const MAX_LINKS: usize = 40;

/// A path of few names, so that paths meet.
#[derive(Clone, Debug)]
pub struct Names(Vec<u8>);

impl<'a> Arbitrary<'a> for Names {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let length = u.int_in_range(0..=3)?;
        let names = (0..length).map(|_| u.int_in_range(b'a'..=b'c'));
        Ok(Self(names.collect::<Result<_>>()?))
    }
}

impl Names {
    pub fn path(&self) -> PathBuf {
        self.0.iter().map(|name| char::from(*name).to_string()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is there, by its names from the root; the root is a directory that is always there.
#[derive(Debug, Default)]
pub struct Tree(BTreeMap<Vec<u8>, Node>);

#[derive(Debug)]
enum Node {
    Dir,
    /// So many times up, and then down.
    Link(usize, Vec<u8>),
}

/// What a name at the end of a path is.
enum Step {
    Name(u8),
    Up,
}

impl Tree {
    /// The directory that a path leads to over links; `None` if it is missing.
    fn resolve(&self, names: &[u8]) -> Option<Vec<u8>> {
        let mut open: Vec<Step> = names.iter().rev().map(|name| Step::Name(*name)).collect();
        let (mut at, mut links) = (Vec::new(), 0);
        while let Some(step) = open.pop() {
            let Step::Name(name) = step else {
                // Nothing above the root is part of the model.
                at.pop()?;
                continue;
            };
            at.push(name);
            match self.0.get(&at)? {
                Node::Dir => {}
                Node::Link(up, down) => {
                    links += 1;
                    at.pop();
                    open.extend(down.iter().rev().map(|name| Step::Name(*name)));
                    open.extend((0..*up).map(|_| Step::Up));
                }
            }
            if links > MAX_LINKS {
                return None;
            }
        }
        Some(at)
    }

    /// Where a path lies: without links, as far as it is there.
    pub fn place(&self, names: &Names) -> Vec<u8> {
        let names = &names.0;
        let there = (0..=names.len()).rev().find_map(|length| {
            let (above, rest) = names.split_at(length);
            let mut place = self.resolve(above)?;
            place.extend(rest);
            Some(place)
        });
        there.unwrap_or_default()
    }

    /// Makes a directory and those above it; whether all are there now.
    pub fn make_dirs(&mut self, names: &Names) -> bool {
        (1..=names.0.len()).all(|length| {
            let path = &names.0[..length];
            if self.resolve(path).is_some() {
                return true;
            }
            let (name, above) = path.split_last().expect("it is not empty");
            let Some(mut at) = self.resolve(above) else {
                return false;
            };
            at.push(*name);
            // What a link there leads to is not there.
            if self.0.contains_key(&at) {
                return false;
            }
            self.0.insert(at, Node::Dir);
            true
        })
    }

    /// How deep the folder lies that a path's last name would be in; `None` if there is no such folder.
    pub fn height(&self, at: &Names) -> Option<usize> {
        let (_, above) = at.0.split_last()?;
        Some(self.resolve(above)?.len())
    }

    /// Makes a link, unless something is there already or nothing to put it in.
    pub fn make_link(&mut self, at: &Names, up: usize, down: &Names) -> bool {
        let Some((name, above)) = at.0.split_last() else {
            return false;
        };
        let Some(mut path) = self.resolve(above) else {
            return false;
        };
        path.push(*name);
        if self.0.contains_key(&path) {
            return false;
        }
        self.0.insert(path, Node::Link(up, down.0.clone()));
        true
    }
}
