//! The made-up projects: the same for the same seed, and of the promised size and kinds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;

/// Every file under a directory, by its path from there.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn write(projects: Projects) -> (BTreeMap<PathBuf, Vec<u8>>, Written) {
    let dir = tempfile::tempdir().unwrap();
    let written = projects.write(&dir.path().join("projects")).unwrap();
    (files(&dir.path().join("projects")), written)
}

const SMALL: Projects = Projects {
    seed: 5,
    sessions: 8,
    bytes: 4_000_000,
};

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (first, written) = write(SMALL);
    assert_eq!((&first, &written), (&write(SMALL).0, &write(SMALL).1));
    assert_ne!(first, write(Projects { seed: 6, ..SMALL }).0);
}

#[test]
fn what_is_written_is_told() {
    let (files, written) = write(SMALL);
    let count = |suffix: &str| {
        files
            .keys()
            .filter(|path| path.to_str().unwrap().ends_with(suffix))
            .count() as u64
    };
    assert_eq!(written.sessions.len(), 8);
    assert_eq!(
        (written.transcripts, written.sidecars),
        (count(".jsonl"), count(".meta.json"))
    );
    assert_eq!(written.bytes, files.values().map(|file| file.len() as u64).sum::<u64>());
    let lines = || {
        files
            .values()
            .flat_map(|file| file.split_inclusive(|byte| *byte == b'\n'))
    };
    assert_eq!(written.lines + written.sidecars, lines().count() as u64);
    assert_eq!(written.longest_line, lines().map(<[u8]>::len).max().unwrap() as u64);
    for session in &written.sessions {
        let main = Path::new(&session.project_key).join(format!("{}.jsonl", session.session_id));
        assert!(files.contains_key(&main), "{}", main.display());
    }
}

#[test]
fn the_size_is_about_what_was_asked_for() {
    for bytes in [1_000_000, 10_000_000] {
        let (_, written) = write(Projects { bytes, ..SMALL });
        assert!(
            (bytes * 9 / 10..bytes * 2).contains(&written.bytes),
            "{} of {bytes}",
            written.bytes
        );
    }
}

#[test]
fn there_are_subagents_with_sidecars_and_workflow_runs() {
    let (files, _) = write(SMALL);
    let has = |part: &str| files.keys().any(|path| path.to_str().unwrap().contains(part));
    assert!(has("/subagents/agent-a") && has("/subagents/workflows/wf_") && has("/journal.jsonl"));
    for path in files
        .keys()
        .filter(|path| path.to_str().unwrap().ends_with(".meta.json"))
    {
        let transcript = path.to_str().unwrap().replace(".meta.json", ".jsonl");
        assert!(files.contains_key(Path::new(&transcript)), "{transcript}");
        let sidecar: serde_json::Map<_, _> = serde_json::from_slice(&files[path]).unwrap();
        assert!(sidecar.contains_key("toolUseId") && !sidecar.contains_key("type"));
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("projects");
    SMALL.write(&root).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    for file in files(&root).keys() {
        assert_eq!(mode(&root.join(file)), 0o600, "{}", file.display());
        assert_eq!(mode(root.join(file).parent().unwrap()), 0o700, "{}", file.display());
    }
}

#[test]
fn what_is_there_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    SMALL.write(dir.path()).unwrap();
    let error = SMALL.write(dir.path()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_giant_is_one_file_of_at_least_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = 5_000_000;
    let written = Giant { seed: 1, bytes }.write(dir.path()).unwrap();
    let files = files(dir.path());
    assert_eq!((files.len(), written.transcripts), (1, 1));
    assert_eq!(written.bytes, files.values().map(|file| file.len() as u64).sum::<u64>());
    assert!((bytes..bytes + 1_000_000).contains(&written.bytes), "{}", written.bytes);
}
