use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::walk;
use crate::disk::Disk;
use crate::disk::simulated::Simulated;
use crate::key::SessionKey;
use crate::spool::layout::WriterNames;
use crate::spool::{Doubtful, Spool, look};

fn key() -> SessionKey {
    SessionKey::main("project", "session").unwrap()
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    walk(dir).into_iter().filter(|path| path.is_file()).map(read).collect()
}

fn append(spool: &Spool, count: u64) {
    for number in 0..count {
        spool.append_blocking(&key(), &[format!("{{\"n\":{number}}}")]).unwrap();
    }
}

#[test]
fn where_nothing_is_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    assert!(Spool::look(&state).unwrap().is_empty());
    assert!(!state.exists());
}

#[test]
fn a_living_spool_and_a_dead_one_are_told_apart() {
    let state = tempfile::tempdir().unwrap();
    let dead = Spool::open(state.path()).unwrap();
    append(&dead, 3);
    let dead_writer = dead.writer().to_owned();
    dead.close_blocking();
    drop(dead);
    let living = Spool::open(state.path()).unwrap();
    append(&living, 2);
    let looks = Spool::look(state.path()).unwrap();
    assert_eq!(looks.len(), 2);
    for look in looks {
        let is_dead = look.writer == dead_writer;
        assert_eq!(look.is_alive, !is_dead);
        let [stream] = look.streams().unwrap() else {
            panic!("{look:?}")
        };
        assert_eq!(stream.end().line, if is_dead { 4 } else { 3 });
        let chunk = stream.read(stream.start()).unwrap().unwrap();
        assert_eq!(chunk.next, stream.end());
    }
}

#[test]
fn looking_changes_nothing_and_keeps_nobody_from_adopting() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    append(&spool, 3);
    spool.close_blocking();
    drop(spool);
    let before = files(state.path());
    for _ in 0..2 {
        assert!(!Spool::look(state.path()).unwrap()[0].is_alive);
    }
    assert_eq!(files(state.path()), before);
    let next = Spool::open(state.path()).unwrap();
    assert_eq!(next.adopt().unwrap().spools.len(), 1);
}

#[test]
fn whole_lines_behind_the_mark_count_and_a_torn_one_does_not() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    append(&spool, 2);
    spool.close_blocking();
    drop(spool);
    let is_lines = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
    let file = walk(state.path()).into_iter().find(is_lines).unwrap();
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(b"{\"n\":2}\n{\"n\":").unwrap();
    let look = Spool::look(state.path()).unwrap().remove(0);
    assert_eq!(look.streams().unwrap()[0].end().line, 4);
    assert_eq!(look.streams().unwrap()[0].damage(), None);
    let adopted = Spool::open(state.path()).unwrap().adopt().unwrap();
    assert_eq!(adopted.spools[0].streams()[0].end(), look.streams().unwrap()[0].end());
}

#[test]
fn lines_that_the_disk_lost_are_damage() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    append(&spool, 3);
    spool.close_blocking();
    drop(spool);
    let is_lines = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
    let file = walk(state.path()).into_iter().find(is_lines).unwrap();
    OpenOptions::new().write(true).open(file).unwrap().set_len(10).unwrap();
    let look = Spool::look(state.path()).unwrap().remove(0);
    let damage = look.streams().unwrap()[0].damage().unwrap();
    assert_eq!((damage.recorded.line, damage.found.line), (4, 2));
}

#[test]
fn an_unreadable_record_is_a_problem_of_its_own() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    append(&spool, 1);
    spool
        .append_blocking(&SessionKey::main("project", "other").unwrap(), &["{}"])
        .unwrap();
    let record = walk(state.path())
        .into_iter()
        .find(|path| path.ends_with("stream.json"))
        .unwrap();
    fs::write(record, "{").unwrap();
    let look = Spool::look(state.path()).unwrap().remove(0);
    let (streams, problems) = look.as_far_as_readable();
    assert_eq!((streams.len(), problems.len()), (1, 1));
    // Who does not ask for less gets nothing.
    let refused = look.streams().unwrap_err().to_string();
    assert!(refused.contains("cannot read"), "{refused}");
}

/// What was noted as in doubt must not look as if it was to be delivered whatever is there.
#[test]
fn lines_in_doubt_are_seen_with_their_doubt_whenever_they_come() {
    let disk = Simulated::new();
    let spool = Arc::new(Spool::on(Arc::new(disk.clone())).unwrap());
    append(&spool, 1);
    let names = WriterNames::new(spool.writer()).stream(&key());
    for file in [names.record(), names.mark()] {
        let (finder, end) = (spool.clone(), spool.stream(&key()).unwrap().end().line);
        disk.before_open(&file, move || {
            let found = Doubtful {
                lines: 1,
                taken: 0,
                goes_on: false,
            };
            finder.found_blocking(&key(), found).unwrap();
            append(&finder, 1);
        });
        let looks = look::look_on(&(Arc::new(disk.clone()) as Arc<dyn Disk>), &BTreeSet::new()).unwrap();
        let stream = &looks[0].streams().unwrap()[0];
        let is_noted = stream.doubts().iter().any(|doubt| doubt.from == end);
        assert!(
            is_noted || stream.end().line == end,
            "{stream:?}: {:?}",
            stream.doubts()
        );
    }
}
