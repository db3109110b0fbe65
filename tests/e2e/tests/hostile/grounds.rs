//! Guests that rename and link what they may write to, so that a path leads elsewhere: no byte outside of what was
//! opened is read or written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox::config::grounds::{Grounds, Own};
use mirrorbox::store::StoreError;
use mirrorbox_e2e::{amount, runtime, seed, test_guest};
use tempfile::TempDir;

use crate::fixture::{ONE, commit, manifest, told};

/// What stands in every file that is granted to nobody.
pub(super) const CANARY: &str = "canary: nobody reads or writes this";

fn write(path: PathBuf, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Has a fresh instance perform a script. What comes of it.
pub(super) async fn perform(adapter: &Adapter, at: &Path, script: &str) -> String {
    write(at.join("script"), script);
    // Its end is the beginning of another instance.
    let ended = commit(adapter, "panic").await;
    assert!(matches!(ended, StoreError::Trapped(_)), "{ended}");
    told(adapter, "script").await
}

#[tokio::test]
async fn a_granted_folder_that_is_exchanged_for_a_link_stays_what_was_opened() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    write(at("victim/flag"), CANARY);
    write(at("t/sub/flag"), "its own");
    let (outer, inner) = (at("t"), at("t/sub"));
    // A library that opens adapters by itself holds nothing against anything: what is opened is all there is.
    let text = format!(
        "{ONE}[grants]\ndirs = [{{ host = {outer:?}, guest = \"/a\" }}, {{ host = {inner:?}, guest = \"/sub\" }}]"
    );
    let adapter = Adapter::load(&runtime(), "hostile", &test_guest("hostile"), &manifest(&text))
        .await
        .unwrap();
    let first = perform(&adapter, &outer, "rename /a/sub /a/moved\nlink ../victim /a/sub\n").await;
    assert_eq!(first.matches(": done").count(), 2, "{first}");
    let second = perform(
        &adapter,
        &outer,
        "read /sub/flag\nwrite /sub/written\nread /a/sub/flag\n",
    )
    .await;
    // What it says of `/sub` is reported as the host's path.
    assert!(second.contains("/flag: its own"), "{second}");
    assert!(!second.contains("canary"), "{second}");
    assert!(
        at("t/moved/written").exists() && !at("victim/written").exists(),
        "{second}"
    );
    adapter.close().await;
    // And a host that opens the same grants anew, as they are written, is not led there either.
    let mut settled = manifest(&text);
    let places: Vec<_> = settled.settle().map(|(_, place, _)| place.to_owned()).collect();
    assert_eq!(
        places[1],
        at("victim").canonicalize().unwrap(),
        "it says where it leads, and the lock waits"
    );
}

/// Places in which grants, files and links of the random tests may lie.
const PLACES: &[&str] = &["x", "x/y", "x/y/z", "u", "u/v", "out", "out/deep", "state", "config"];

/// Random grants of one or two adapters, and whether they are fine as a model of paths has it.
fn grants(random: &mut fastrand::Rng) -> (Vec<(&'static str, &'static str)>, bool) {
    let count = random.usize(1..=3);
    let granted: Vec<_> = (0..count)
        .map(|_| (*random.choice(PLACES).unwrap(), *random.choice(&["ro", "rw"]).unwrap()))
        .collect();
    let meets = |one: &str, other: &str| Path::new(one).starts_with(other) || Path::new(other).starts_with(one);
    let own = granted
        .iter()
        .any(|(path, _)| meets(path, "state") || meets(path, "config"));
    let each_other = granted.iter().enumerate().any(|(index, (one, mode))| {
        let mut others = granted.iter().take(index);
        others.any(|(other, its)| meets(one, other) && (one != other || [*mode, its] != ["ro"; 2]))
    });
    (granted, !own && !each_other)
}

/// Where links lead.
const TARGETS: &[&str] = &[
    "..",
    "../..",
    "../out",
    "../../out",
    "../state",
    "y",
    "f",
    "/etc",
    "../out/f",
    ".",
];

/// Acts on the paths that the guest sees, most of which lead somewhere else by then.
fn script(random: &mut fastrand::Rng, folders: usize) -> String {
    let names = [
        "f",
        "y",
        "z",
        "v",
        "link",
        "link/f",
        "../f",
        "y/f",
        "link/deep/f",
        "y/link",
    ];
    let acts = (0..12).map(|_| {
        let mut path = || {
            format!(
                "/{}/{}",
                ["a", "b", "c"][random.usize(0..folders)],
                random.choice(names).unwrap()
            )
        };
        let (one, other) = (path(), path());
        match random.u8(0..8) {
            0 => format!("rename {one} {other}\n"),
            1 | 2 => format!("link {} {one}\n", random.choice(TARGETS).unwrap()),
            3 => format!("hardlink {one} {other}\n"),
            4 => format!("mkdir {one}\n"),
            5 => format!("write {one}\n"),
            6 => format!("remove {one}\n"),
            _ => format!("read {one}\nlist {one}\n"),
        }
    });
    acts.collect()
}

/// What lies outside of some folders: each name, what stands in files, where links lead. Scripts are left out: the test
/// writes them.
fn outside(dir: &Path, folders: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
            let content = if kind.is_dir() {
                if folders.contains(&path) {
                    continue;
                }
                open.push(path.clone());
                "a folder".to_owned()
            } else if kind.is_symlink() {
                format!("a link to {:?}", fs::read_link(&path).unwrap())
            } else if path.ends_with("script") {
                continue;
            } else {
                fs::read_to_string(&path).unwrap()
            };
            found.insert(path, content);
        }
    }
    found
}

/// A directory with its mode.
type Granted = (&'static str, &'static str);

/// What stands in the files of the folders that the adapter of this number is granted.
fn mark(adapter: usize) -> String {
    format!("granted to adapter {adapter}")
}

/// A tree with a file in each folder that says whose it is, a canary where it is nobody's, and here and there a link.
fn tree(random: &mut fastrand::Rng, adapters: &[&[Granted]]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for place in PLACES {
        let is_granted = |granted: &&[Granted]| granted.iter().any(|(path, _)| Path::new(place).starts_with(path));
        let owner = adapters.iter().position(is_granted);
        let content = owner.map_or_else(|| CANARY.to_owned(), mark);
        write(dir.path().join(place).join("f"), &content);
        if random.bool() {
            let target = random.choice(TARGETS).unwrap();
            std::os::unix::fs::symlink(target, dir.path().join(place).join("link")).unwrap();
        }
    }
    dir
}

/// Each adapter under its grants, all held against each other.
async fn open(dir: &Path, adapters: &[&[Granted]]) -> Result<Vec<Adapter>, AdapterError> {
    let own = [
        (Own::State, dir.join("state")),
        (Own::Configuration, dir.join("config")),
    ];
    let mut grounds = Grounds::new(own.iter().map(|(own, path)| (*own, path.as_path())));
    let mut manifests = Vec::new();
    for (number, granted) in adapters.iter().enumerate() {
        let lines = granted.iter().zip(["a", "b", "c"]).map(|((path, mode), guest)| {
            let host = dir.join(path);
            format!("{{ host = {host:?}, guest = \"/{guest}\", mode = \"{mode}\" }},\n")
        });
        let mut manifest = manifest(&format!("{ONE}[grants]\ndirs = [\n{}]", lines.collect::<String>()));
        grounds.claim(&number.to_string(), &mut manifest);
        manifests.push(manifest);
    }
    let mut opened = Vec::new();
    for (number, mut manifest) in manifests.into_iter().enumerate() {
        let name = number.to_string();
        if let Some(overlap) = grounds.overlap(&name) {
            manifest.refuse(overlap);
        }
        opened.push(Adapter::load(&runtime(), &name, &test_guest("hostile"), &manifest).await?);
    }
    Ok(opened)
}

/// Random grants of one adapter or two, and random acts of their guests, each by an instance of its own. Grants that
/// overlap are refused. No act reads or writes outside of its own grants, or changes what may only be read.
/// `MIRRORBOX_SOAK=1` tries thousands.
#[tokio::test]
async fn whatever_a_guest_does_no_byte_outside_of_its_grants_is_read_or_written() {
    let mut random = fastrand::Rng::with_seed(seed());
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..amount(60, 5_000) {
        let (granted, is_fine) = grants(&mut random);
        let (first, second) = granted.split_at(random.usize(1..=granted.len()));
        let adapters: Vec<_> = [first, second]
            .into_iter()
            .filter(|granted| !granted.is_empty())
            .collect();
        let dir = tree(&mut random, &adapters);
        let running = match open(dir.path(), &adapters).await {
            Ok(running) => running,
            Err(AdapterError::Overlap(_)) if !is_fine => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("{adapters:?}: {error}"),
        };
        assert!(is_fine, "{adapters:?}");
        opened += 1;
        for _ in 0..4 {
            let number = random.usize(0..running.len());
            act(&mut random, dir.path(), &adapters, number, &running[number]).await;
        }
        for adapter in running {
            adapter.close().await;
        }
    }
    assert!(opened > 5 && refused > 5, "{opened} {refused}");
}

/// One adapter acts: what it finds, and what has changed then, is its own.
async fn act(random: &mut fastrand::Rng, dir: &Path, adapters: &[&[Granted]], number: usize, adapter: &Adapter) {
    let granted = adapters[number];
    let at = |granted: &Granted| dir.join(granted.0);
    let writable: Vec<_> = granted.iter().filter(|(_, mode)| *mode == "rw").map(at).collect();
    let before = outside(dir, &writable);
    let told = perform(adapter, &at(&granted[0]), &script(random, granted.len())).await;
    assert!(!told.contains("canary"), "{adapters:?}: {told}");
    for other in (0..adapters.len()).filter(|other| *other != number) {
        // Two that only read may be granted the same.
        let is_shared = adapters[other].iter().any(|theirs| granted.contains(theirs));
        assert!(
            is_shared || !told.contains(&mark(other)),
            "{adapters:?}: {number} was told {told}"
        );
    }
    assert_eq!(
        outside(dir, &writable),
        before,
        "{adapters:?}: {number} was told {told}"
    );
}
