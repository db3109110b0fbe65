mod adoption;
mod basics;
mod faults;
mod group;
mod look;
mod model;
mod scale;

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::disk::simulated::Simulated;

fn key(session: &str) -> SessionKey {
    SessionKey::main("project", session).unwrap()
}

/// `count` entries, numbered from `first`.
fn entries(first: usize, count: usize) -> Vec<String> {
    (first..first + count)
        .map(|n| format!(r#"{{"type":"user","n":{n}}}"#))
        .collect()
}

fn lines(entries: &[String]) -> String {
    entries.iter().map(|entry| format!("{entry}\n")).collect()
}

fn open(disk: &Simulated) -> Spool {
    Spool::on(Arc::new(disk.clone())).unwrap()
}

/// Everything that a stream shows, chunk by chunk.
fn read(stream: &Stream) -> String {
    let mut place = stream.start();
    let mut all = Vec::new();
    while let Some(chunk) = stream.read(place).unwrap() {
        assert_eq!(chunk.first, place);
        let feeds = chunk.payload.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(chunk.next, place.after(feeds as u64, chunk.payload.len() as u64));
        all.extend_from_slice(&chunk.payload);
        place = chunk.next;
    }
    assert_eq!(place, stream.end());
    String::from_utf8(all).unwrap()
}

/// What the one dead process left of the one stream that it had.
fn adopt_one(disk: &Simulated) -> (Adopted, Arc<Stream>) {
    let mut adoption = open(disk).adopt().unwrap();
    assert!(adoption.refused.is_empty(), "{:?}", adoption.refused);
    assert_eq!(adoption.spools.len(), 1);
    let adopted = adoption.spools.pop().unwrap();
    assert_eq!(adopted.streams().len(), 1, "{:?}", adopted.alarms());
    let stream = adopted.streams()[0].clone();
    (adopted, stream)
}

/// The name of a stream's file on the disk.
fn file_of(spool: &Spool, key: &SessionKey) -> PathBuf {
    PathBuf::from(spool.writer()).join("projects").join(key.file().unwrap())
}

/// A directory and everything in it.
fn walk(dir: &std::path::Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
