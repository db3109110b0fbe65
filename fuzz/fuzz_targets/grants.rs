//! Directories that adapters are granted, against a model of a file system. Grants that meet are refused, whatever
//! links lead to them, and no others; and where none was refused, no acts of guests within their grants bring another
//! directory, or a link, to where a grant lies.

#![no_main]

#[path = "grants/model.rs"]
mod model;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use mirrorbox::config::Manifest;
use mirrorbox::config::grounds::{Grounds, Own};
use tempfile::TempDir;

use model::{Names, Tree};

#[derive(Debug)]
struct Input {
    made: Vec<Made>,
    state: Names,
    /// What each adapter is granted.
    adapters: Vec<Vec<Grant>>,
    acts: Vec<Act>,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            made: several(u, 12, Made::arbitrary)?,
            state: Names::arbitrary(u)?,
            adapters: several(u, 3, |u| several(u, 3, Grant::arbitrary))?,
            acts: several(u, 12, Act::arbitrary)?,
        })
    }
}

/// Up to `most`, evenly: of what a derived list makes, most have one element or none.
fn several<'a, T>(
    u: &mut Unstructured<'a>,
    most: usize,
    make: impl Fn(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = u.int_in_range(0..=most)?;
    (0..count).map(|_| make(u)).collect()
}

#[derive(Arbitrary, Debug)]
enum Made {
    Dir(Names),
    Link { at: Names, up: u8, to: Names },
}

#[derive(Arbitrary, Debug)]
struct Grant {
    at: Names,
    rw: bool,
}

/// What a guest does, with paths within one of its grants.
#[derive(Arbitrary, Debug)]
struct Act {
    adapter: u8,
    grant: u8,
    what: What,
}

#[derive(Arbitrary, Debug)]
enum What {
    MakeDir(Names),
    Rename { from: Names, to: Names },
    Link { at: Names, up: u8, to: Names },
    Remove(Names),
}

fuzz_target!(|input: Input| {
    let dir = TempDir::new().expect("a folder");
    let root = dir.path().canonicalize().expect("it is there");
    let mut tree = Tree::default();
    for made in &input.made {
        make(&root, &mut tree, made);
    }
    let adapters = &input.adapters;
    let state = root.join(input.state.path());
    let mut grounds = Grounds::new([(Own::State, state.as_path())]);
    let mut places = Vec::new();
    for (number, grants) in adapters.iter().enumerate() {
        let mut manifest = manifest(&root, grants);
        grounds.claim(&number.to_string(), &mut manifest);
        places.push(manifest.places());
    }
    let mut any_refused = false;
    for number in 0..adapters.len() {
        let refused = grounds.overlap(&number.to_string());
        let expected = expected(&tree, &input.state, adapters, number);
        assert_eq!(refused.is_some(), expected, "adapter {number}: {refused:?}\n{input:?}");
        any_refused |= expected;
    }
    if !any_refused {
        hold(adapters, &places, &input.acts);
    }
});

/// On disk and in the model; what one of them does not allow, the other does not either.
fn make(root: &Path, tree: &mut Tree, made: &Made) {
    match made {
        Made::Dir(at) => {
            let was_made = fs::create_dir_all(root.join(at.path())).is_ok();
            assert_eq!(was_made, tree.make_dirs(at), "{at:?}");
        }
        Made::Link { at, up, to } => {
            let target = climb(*up).join(to.path());
            // Nothing outside of the folder is part of the model; an empty target or name is refused.
            let leaves = tree.height(at).is_some_and(|height| climbs(*up) > height);
            if leaves || target.as_os_str().is_empty() || at.is_empty() {
                return;
            }
            let was_made = symlink(&target, root.join(at.path())).is_ok();
            assert_eq!(was_made, tree.make_link(at, climbs(*up), to), "{at:?}");
        }
    }
}

fn climbs(up: u8) -> usize {
    usize::from(up % 3)
}

fn climb(up: u8) -> PathBuf {
    (0..climbs(up)).map(|_| "..").collect()
}

fn manifest(root: &Path, grants: &[Grant]) -> Manifest {
    let line = |(number, grant): (usize, &Grant)| {
        let (host, mode) = (root.join(grant.at.path()), if grant.rw { "rw" } else { "ro" });
        format!("{{ host = {host:?}, guest = \"/{number}\", mode = \"{mode}\" }},\n")
    };
    let lines: String = grants.iter().enumerate().map(line).collect();
    let text = format!("grants.dirs = [\n{lines}]\n");
    Manifest::parse(Path::new("/c/adapters/one.toml"), &text).expect("a manifest")
}

/// Whether an adapter must not have what it is granted, by the model.
fn expected(tree: &Tree, state: &Names, adapters: &[Vec<Grant>], number: usize) -> bool {
    let state = tree.place(state);
    let all = adapters.iter().enumerate().flat_map(|(adapter, grants)| {
        grants
            .iter()
            .enumerate()
            .map(move |(index, grant)| ((adapter, index), grant))
    });
    let all: Vec<_> = all.map(|(id, grant)| (id, tree.place(&grant.at), grant.rw)).collect();
    let mine = all.iter().filter(|((adapter, _), ..)| *adapter == number);
    mine.into_iter().any(|(id, place, rw)| {
        let meets = |other: &[u8]| place.starts_with(other) || other.starts_with(place);
        let with_another = all
            .iter()
            .filter(|(other, ..)| other != id)
            .any(|(_, other, other_rw)| meets(other) && (place != other || *rw || *other_rw));
        meets(&state) || with_another
    })
}

/// Lets guests act, and looks whether every grant that was there is the very same directory afterwards.
fn hold(adapters: &[Vec<Grant>], places: &[Vec<PathBuf>], acts: &[Act]) {
    let identity = |place: &PathBuf| {
        let metadata = fs::symlink_metadata(place).ok().filter(fs::Metadata::is_dir)?;
        Some((place.clone(), metadata.ino()))
    };
    let before: Vec<_> = places.iter().flatten().filter_map(identity).collect();
    for act in acts {
        let number = usize::from(act.adapter);
        let Some(grants) = adapters.get(number % adapters.len().max(1)) else {
            continue;
        };
        let index = usize::from(act.grant) % grants.len().max(1);
        let place = places
            .get(number % adapters.len().max(1))
            .and_then(|places| places.get(index));
        if let Some(place) = place.filter(|_| grants[index].rw) {
            perform(place, &act.what);
        }
    }
    for (place, was) in before {
        let now = identity(&place).map(|(_, ino)| ino);
        assert_eq!(now, Some(was), "{} is another one now: {acts:?}", place.display());
        assert_eq!(place.canonicalize().ok().as_ref(), Some(&place), "{acts:?}");
    }
}

/// As the sandbox does it: no path leads out of the grant, over `..` or over a link; what a link says is the guest's.
fn perform(place: &Path, what: &What) {
    let inside = |names: &Names| {
        let path = place.join(names.path());
        let folder = path.parent()?.canonicalize().ok()?;
        (!names.is_empty() && folder.starts_with(place)).then(|| folder.join(path.file_name().unwrap_or_default()))
    };
    // Whatever fails has done nothing.
    let _ = match what {
        What::MakeDir(at) => inside(at).map(fs::create_dir),
        What::Rename { from, to } => inside(from).zip(inside(to)).map(|(from, to)| fs::rename(from, to)),
        What::Link { at, up, to } => inside(at).map(|at| symlink(climb(*up).join(to.path()), at)),
        What::Remove(at) => inside(at).map(|at| fs::remove_file(&at).or_else(|_| fs::remove_dir(&at))),
    };
}
