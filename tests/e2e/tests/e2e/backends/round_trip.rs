//! Transcripts in, the local copy away, everything back: through the command, with each adapter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox_e2e::{Backend, Installation, seed};
use mirrorbox_transcripts::{Projects, hostile};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

type Contents = BTreeMap<PathBuf, Vec<u8>>;

super::each! { every_byte_comes_back: fs s3 redis postgres }

async fn every_byte_comes_back(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let installed = Installation::with(dir.path(), &backend);
    let (projects, into) = (dir.path().join("projects"), dir.path().join("restored"));
    let made = Projects {
        seed: 5,
        sessions: 4,
        bytes: 1_500_000,
    };
    made.write(&projects).unwrap();
    write_hostile(&projects);
    let before = contents(&projects);
    let place = projects.to_str().unwrap();

    installed.succeeds(["import", "--projects-dir", place]);
    let again = installed.json(["import", "--projects-dir", place]);
    let added = &again["destinations"][0]["report"]["totals"]["added"]["entries"];
    assert_eq!(added, 0, "{again}");
    installed.succeeds(["verify", "--projects-dir", place]);
    fs::remove_dir_all(&projects).unwrap();
    installed.succeeds(["restore", "--all", "--into", into.to_str().unwrap()]);
    are_equal(&contents(&into.join("projects")), &before);
    installed.succeeds(["verify", "--projects-dir", into.join("projects").to_str().unwrap()]);
}

/// Transcripts of lines that break careless code, and subagents'.
fn write_hostile(projects: &Path) {
    let seed = seed();
    let rng = [seed.to_le_bytes(); 4].concat();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &rng);
    let mut runner = TestRunner::new_with_rng(Default::default(), rng);
    let lines = hostile::transcript(60);
    // An empty transcript is not stored.
    let mut lines = || lines.new_tree(&mut runner).unwrap().current() + "{}\n";
    for number in 0..6 {
        let id = format!("0b6c9f0e-0000-4000-8000-{number:012}");
        let project = projects.join("-srv-hostile");
        let subagents = project.join(&id).join("subagents");
        fs::create_dir_all(&subagents).unwrap();
        fs::write(project.join(format!("{id}.jsonl")), lines()).unwrap();
        // A metadata entry in a subagent's transcript would come back as its sidecar.
        let lines = lines();
        let lines = lines
            .split_inclusive('\n')
            .filter(|line| !line.contains("agent_metadata"));
        fs::write(
            subagents.join(format!("agent-a{number}.jsonl")),
            lines.collect::<String>(),
        )
        .unwrap();
    }
}

/// Says which files differ, and not how: they are long.
fn are_equal(restored: &Contents, before: &Contents) {
    let names = |contents: &Contents| contents.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(restored), names(before));
    for (path, bytes) in before {
        assert!(restored[path] == *bytes, "{} came back changed", path.display());
    }
}

/// Every file below a directory, by its path in it.
fn contents(dir: &Path) -> Contents {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let place = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(place, fs::read(&path).unwrap());
            }
        }
    }
    found
}
