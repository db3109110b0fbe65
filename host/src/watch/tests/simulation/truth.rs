//! What really happened.

use std::collections::{BTreeMap, BTreeSet};

use super::file::AgentFile;
use crate::key::SessionKey;
use crate::mirror::{Event, What};
use crate::spool::{Place, Spool};

#[derive(Default)]
pub(super) struct Truth {
    /// By stream: lines that were in the spool of some process.
    pub(super) spooled: BTreeMap<SessionKey, BTreeSet<String>>,
    /// How often a line came into a file: one that was written over stays stored, and counts.
    pub(super) most: BTreeMap<(SessionKey, String), usize>,
    /// How often each file held each line when it was counted last.
    held: BTreeMap<SessionKey, BTreeMap<String, usize>>,
    /// Lines that a delete took,
    pub(super) deleted: BTreeSet<(SessionKey, String)>,
    /// and that it may have taken.
    pub(super) perhaps: BTreeSet<(SessionKey, String)>,
    /// By destination: writers' lines that are known not to be brought there.
    told: BTreeMap<String, BTreeSet<(SessionKey, String, u64)>>,
    /// By writer, stream and number: the lines of their copies.
    copies: BTreeMap<(SessionKey, String, u64), String>,
    /// How far copies were read.
    read: BTreeMap<(String, SessionKey), Place>,
    pub(super) deletes: u64,
}

impl Truth {
    /// Counts what a file holds now.
    pub(super) fn count(&mut self, file: &AgentFile) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        file.lines
            .iter()
            .for_each(|line| *counts.entry(line.clone()).or_default() += 1);
        let before = self.held.insert(file.key.clone(), counts.clone()).unwrap_or_default();
        for (line, count) in counts {
            let came = count.saturating_sub(before.get(&line).copied().unwrap_or_default());
            *self.most.entry((file.key.clone(), line)).or_default() += came;
        }
    }

    /// Reads what came into a spool.
    pub(super) fn read(&mut self, spool: &Spool) {
        for stream in spool.streams() {
            let (writer, key) = (stream.writer().to_owned(), stream.key().clone());
            let read = self
                .read
                .entry((writer.clone(), key.clone()))
                .or_insert_with(|| stream.start());
            let mut place = if read.line < stream.start().line {
                stream.start()
            } else {
                *read
            };
            while let Some(chunk) = stream.read(place).unwrap() {
                let payload = String::from_utf8(chunk.payload.to_vec()).unwrap();
                for (number, line) in (chunk.first.line..).zip(payload.lines()) {
                    self.copies
                        .insert((key.clone(), writer.clone(), number), line.to_owned());
                    self.spooled.entry(key.clone()).or_default().insert(line.to_owned());
                }
                place = chunk.next;
            }
            *read = place;
        }
    }

    pub(super) fn is_spooled(&self, key: &SessionKey, line: &str) -> bool {
        self.spooled.get(key).is_some_and(|lines| lines.contains(line))
    }

    /// A session was deleted: certainly with all that was spooled, or not.
    pub(super) fn delete(&mut self, session: &SessionKey, is_certain: bool, files: &[AgentFile]) {
        self.deletes += 1;
        for (key, lines) in self.spooled.iter().filter(|(key, _)| key.to_main() == *session) {
            let lines = lines.iter().map(|line| (key.clone(), line.clone()));
            match is_certain {
                true => self.deleted.extend(lines),
                false => self.perhaps.extend(lines),
            }
        }
        for file in files.iter().filter(|file| file.key.to_main() == *session) {
            for line in &file.lines {
                if !self.is_spooled(&file.key, line) {
                    self.perhaps.insert((file.key.clone(), line.clone()));
                }
            }
        }
    }

    pub(super) fn hear(&mut self, event: Event) {
        let (told, Some(key)) = (self.told.entry(event.destination).or_default(), event.key) else {
            return;
        };
        match event.what {
            What::KeptBack {
                writer,
                lines: (first, last),
                ..
            } => told.extend((first..=last).map(|line| (key.clone(), writer.clone(), line))),
            What::Deleted { kept, .. } => {
                for (writer, (first, last)) in kept {
                    told.extend((first..=last).map(|line| (key.clone(), writer.clone(), line)));
                }
            }
            _ => {}
        }
    }

    /// Whether it was told that a destination does not get a line.
    pub(super) fn is_told(&self, destination: &str, key: &SessionKey, line: &str) -> bool {
        let mut told = self.told.get(destination).into_iter().flatten();
        told.any(|copy| copy.0 == *key && self.copies.get(copy).is_some_and(|held| held == line))
    }
}
