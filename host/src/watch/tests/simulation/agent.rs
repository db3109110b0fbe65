//! What the agent and its user do to files: the agent's own, what is remembered of them, and what they are imported to.

use std::fs;

use super::world::{World, name};
use crate::mirror::tests::fixture::stored;
use crate::store::{BatchDraft, Chain, Kind, Origin, Store};

impl World {
    pub(super) fn line(&mut self) -> String {
        self.lines += 1;
        let number = self.lines;
        match self.dice.below(100) {
            0..15 => "{\"same\":true}".to_owned(),
            15..20 => format!("odd {number}"),
            20..24 => format!("\0\0{{\"n\":{number}}}"),
            24..28 => format!("{{\"type\":\"api-request\",\"n\":{number}}}"),
            _ => format!("{{\"n\":{number}}}"),
        }
    }

    /// So long that the file cannot be as long as before: a row that is changed in place to one of the same length is
    /// not noticed, as the page of `watch` says.
    fn line_of_odd_length(&mut self) -> String {
        const STEP: u64 = 211;
        let line = self.line();
        let padding = " ".repeat((self.lines * STEP) as usize);
        match line.strip_suffix('}') {
            Some(line) => format!("{line}{padding}}}"),
            None => line + &padding,
        }
    }

    pub(super) fn any_file(&self) -> usize {
        self.dice.below(self.files.len())
    }

    pub(super) fn save(&mut self, at: usize, is_replaced: bool) {
        self.time += 1;
        let file = &self.files[at];
        file.save(self.time, is_replaced);
        self.truth.count(file);
        let text = format!("{} is now {:?} {:?}", file.key, file.lines, file.torn);
        self.note(text);
    }

    pub(super) fn write(&mut self) {
        let at = self.any_file();
        let mut lines: Vec<_> = (0..self.dice.within(1..6)).map(|_| self.line()).collect();
        let file = &mut self.files[at];
        if !file.torn.is_empty() {
            lines[0] = std::mem::take(&mut file.torn) + "}";
        }
        if self.dice.percent(15) {
            self.lines += 1;
            file.torn = format!("{{\"n\":{}", self.lines);
        }
        file.add(lines);
        self.save(at, false);
    }

    /// Lines go, change or come in between.
    pub(super) fn rewrite(&mut self) {
        let at = self.any_file();
        if !self.files[at].is_there || self.is_of_run(at) {
            return;
        }
        for _ in 0..self.dice.within(1..4) {
            if self.files[at].lines.is_empty() {
                break;
            }
            let line = self.line_of_odd_length();
            let lines = &mut self.files[at].lines;
            let place = self.dice.below(lines.len());
            match self.dice.below(3) {
                0 => drop(lines.remove(place)),
                1 => lines[place] = line,
                _ => lines.insert(place, line),
            }
        }
        let is_replaced = self.dice.percent(50);
        self.save(at, is_replaced);
    }

    /// A run that lives has the file, of its session or, without frames, any of its folder: its agent only adds to it.
    fn is_of_run(&self, at: usize) -> bool {
        let is_of_session = self.files[at].key.session_id() == self.files[0].key.session_id();
        self.running.is_some() && (is_of_session || !self.has_frames)
    }

    pub(super) fn clean_up(&mut self) {
        let at = self.any_file();
        if self.is_of_run(at) {
            return;
        }
        self.files[at].remove();
        // Lines of a file that comes after it are others, whatever they say.
        self.truth.count(&self.files[at]);
        self.note(format!("{} is removed", self.files[at].key));
    }

    /// What is remembered of files is lost, or damaged.
    pub(super) fn forget(&mut self) {
        let Ok(records) = fs::read_dir(self.places.state.join("watch/streams")) else {
            return;
        };
        for record in records {
            let record = record.unwrap().path();
            match self.dice.below(3) {
                0 => fs::remove_file(record).unwrap(),
                1 => fs::write(record, "{").unwrap(),
                _ => {}
            }
        }
        self.note("records are lost".to_owned());
    }

    /// As `import` does it: what a log lacks of a file, in one step.
    pub(super) async fn import(&mut self) {
        let (at, index) = (self.any_file(), self.dice.below(self.stores.len()));
        let file = &self.files[at];
        if self.has_runs || self.truth.deletes > 0 {
            return;
        }
        let (key, inside) = (file.key.clone(), self.stores[index].inside.clone());
        let mut there = stored(&inside, &key).await;
        let mut lacking: Vec<_> = file.wanted().cloned().collect();
        lacking.retain(|line| match there.iter().position(|held| held == line) {
            Some(at) => {
                there.swap_remove(at);
                false
            }
            None => true,
        });
        if lacking.is_empty() {
            return;
        }
        let end = inside.end(&key).await.unwrap();
        let chain = end.map_or_else(|| Chain::start(&key), |end| Chain::at(&key, end));
        self.lines += 1;
        self.has_imports = true;
        let batch = chain.number_draft(BatchDraft {
            kind: Kind::Entries,
            origin: Origin {
                writer: format!("import{}", self.lines),
                line: 1,
            },
            payload: lacking
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>()
                .into(),
        });
        inside.append(&key, &batch, None).await.unwrap();
        self.note(format!(
            "{} lines of {key} are imported to {}",
            lacking.len(),
            name(index)
        ));
    }
}
