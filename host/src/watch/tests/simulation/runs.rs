//! Runs of an agent beside the process that follows, and what they leave when they are killed.

use std::sync::Arc;

use super::process::{Order, Process};
use super::world::{FOLDER, World};
use crate::agent::Leftovers;
use crate::agent::recording::Heard;
use crate::spool::Spool;

impl World {
    pub(super) fn pick_up(&mut self) {
        let left = self.watching.as_ref().and_then(|_| self.leftovers());
        if let Some(left) = left.filter(|left| !left.is_empty()) {
            self.note("what a run left is picked up".to_owned());
            self.order(Order::PickUp(left));
        }
    }

    /// `None` where they cannot be looked at.
    pub(super) fn leftovers(&self) -> Option<Leftovers> {
        let spools = Spool::look_on(Arc::new(self.machine.spool.clone())).ok()?;
        Leftovers::look_beside(&self.places.state, &spools).ok()
    }

    /// An agent runs: it begins, prints and writes, and ends or is killed.
    pub(super) async fn run(&mut self) {
        if !self.has_runs {
            return;
        }
        if self.running.is_none() {
            return self.start_run();
        }
        match self.dice.below(10) {
            0 => self.end_run().await,
            1 => {
                let process = self.running.take();
                self.note("the run is killed".to_owned());
                process.into_iter().for_each(|process| self.bury(process));
            }
            2 => self.tell_run(Heard::TurnEnded),
            3 if !self.has_frames => self.tell_run(Heard::Look),
            _ => self.agent_writes(),
        }
    }

    pub(super) fn start_run(&mut self) {
        let session = self.dice.percent(80).then(|| self.files[0].key.session_id().to_owned());
        // Before the host is there: it may remove what tells which rows are spooled.
        let Some(left) = self.leftovers() else { return };
        if let Some(base) = self.base() {
            self.note(format!("it runs an agent, frames for {session:?}"));
            self.has_frames = session.is_some();
            self.had_frames |= self.has_frames;
            let process = Process::run(base, &self.places, FOLDER, session, left);
            match process.has_ended() {
                true => self.bury(process),
                false => self.running = Some(process),
            }
        }
    }

    pub(super) fn tell_run(&mut self, heard: Heard) {
        if let Some(process) = &mut self.running {
            process.obey(heard);
            self.read();
        }
    }

    /// The agent writes rows to a file of its session, and prints them in a frame, which may be torn.
    pub(super) fn agent_writes(&mut self) {
        let at = self.dice.below(self.files.len().min(2));
        let mut lines: Vec<_> = (0..self.dice.within(1..4)).map(|_| self.line()).collect();
        lines.retain(|line| line.starts_with('{'));
        let file = &mut self.files[at];
        if !file.torn.is_empty() || lines.is_empty() {
            return;
        }
        let entries: Vec<_> = lines
            .iter()
            .filter(|line| crate::agent_format::is_mirrored(line.as_bytes()))
            .cloned()
            .collect();
        let path = file.path.display();
        let mut frame = format!("{{\"type\":\"transcript_mirror\",\"filePath\":\"{path}\",\"entries\":[");
        frame += &(entries.join(",") + "]}");
        file.add(lines);
        let is_first = self.dice.percent(50);
        if is_first {
            self.save(at, false);
        }
        if self.dice.percent(10) {
            self.fail_something();
        }
        let heard = match self.dice.below(10) {
            _ if !self.has_frames => Heard::Look,
            0 => Heard::Torn(frame.as_bytes()[..frame.len() - 3].to_vec()),
            _ => Heard::Frame(frame.into_bytes()),
        };
        self.truth.count(&self.files[at]);
        self.note(format!("{}: {heard:?}", self.files[at].key));
        self.tell_run(heard);
        if !is_first {
            self.save(at, false);
        }
    }

    /// The agent ends, and its run delivers for a while.
    pub(super) async fn end_run(&mut self) {
        self.tell_run(Heard::End);
        if let Some(process) = self.running.take() {
            self.note("the run ends".to_owned());
            if self.dice.percent(50) {
                let deadline = self.dice.millis(1..20_000);
                drop(process.base.mirror.flush(None, Some(deadline)).await);
            }
            self.bury(process);
        }
    }
}
