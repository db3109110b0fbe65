//! Writes a projects directory of made-up sessions, and remembers what it wrote.

use std::io;
use std::path::Path;

use fastrand::Rng;

use crate::files::Output;
use crate::session::{AgentCall, Attachments, Session};
use crate::subagent::{Subagent, journal};
use crate::text::Text;

/// Working directories as they stand in JSON, and their project keys.
const DIRECTORIES: &[(&str, &str)] = &[
    ("/srv/shop/api", "-srv-shop-api"),
    ("/home/ada/my_site.v2", "-home-ada-my-site-v2"),
    ("/home/ada/Zeichnungen/\u{fc}bung", "-home-ada-Zeichnungen--bung"),
    ("/srv/x\u{1f600}y", "-srv-x--y"),
];

/// A projects directory full of made-up sessions: main transcripts, subagents with sidecars, workflow runs.
#[derive(Clone, Copy, Debug)]
pub struct Projects {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// How many sessions; they are spread over up to four projects.
    pub sessions: usize,
    /// How many bytes all files together hold, about. A session has one turn at least, which is some 15 KB.
    pub bytes: u64,
}

/// One session with a very long main transcript and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Giant {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// How many bytes it holds at least, and a turn more at most.
    pub bytes: u64,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The sessions, in the order of writing.
    pub sessions: Vec<WrittenSession>,
    /// `.jsonl` files.
    pub transcripts: u64,
    /// `.meta.json` files.
    pub sidecars: u64,
    /// Lines of all transcripts.
    pub lines: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The longest line with its LF, in bytes.
    pub longest_line: u64,
}

/// A session that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenSession {
    /// The name of its project's folder.
    pub project_key: String,
    /// Its id; the main transcript is `<project key>/<session id>.jsonl`.
    pub session_id: String,
}

impl Projects {
    /// Writes the sessions under `dir`, a projects directory; it is made if it is missing.
    ///
    /// Folders are made with mode 0700, files with 0600. A file that is there already is an error.
    pub fn write(&self, dir: &Path) -> io::Result<Written> {
        let mut rng = Rng::with_seed(self.seed);
        let text = Text::new(&mut rng);
        let mut written = Written::default();
        for budget in budgets(&mut rng, self.sessions, self.bytes) {
            let (cwd, project_key) = *rng.choice(DIRECTORIES).unwrap_or(&("/", "-"));
            let writer = SessionWriter {
                session: Session::new(rng.u64(..), &text, cwd, Attachments::within(budget)),
                rng: rng.fork(),
                text: &text,
                cwd,
                dir: &dir.join(project_key),
                budget,
                written: &mut written,
            };
            let session_id = writer.write()?;
            written.sessions.push(WrittenSession {
                project_key: project_key.to_owned(),
                session_id,
            });
        }
        Ok(written)
    }
}

impl Giant {
    /// Writes the session under `dir`, a projects directory, as [`Projects::write`] does.
    pub fn write(&self, dir: &Path) -> io::Result<Written> {
        let mut rng = Rng::with_seed(self.seed);
        let text = Text::new(&mut rng);
        let (cwd, project_key) = *rng.choice(DIRECTORIES).unwrap_or(&("/", "-"));
        let mut session = Session::new(rng.u64(..), &text, cwd, Attachments::within(self.bytes));
        let session_id = session.id().to_string();
        let mut written = Written::default();
        let mut output = Output::create(&dir.join(project_key).join(format!("{session_id}.jsonl")))?;
        while output.bytes() < self.bytes {
            written.turn(&mut output, |out| drop(session.turn(out)))?;
        }
        written.transcript(output)?;
        written.sessions.push(WrittenSession {
            project_key: project_key.to_owned(),
            session_id,
        });
        Ok(written)
    }
}

impl Written {
    /// Counts what `write` appends.
    fn turn(&mut self, output: &mut Output, write: impl FnOnce(&mut String)) -> io::Result<()> {
        let start = output.buffer.len();
        write(&mut output.buffer);
        for line in output.buffer.get(start..).unwrap_or_default().split_inclusive('\n') {
            self.lines += 1;
            self.longest_line = self.longest_line.max(line.len() as u64);
        }
        output.settle()
    }

    fn transcript(&mut self, output: Output) -> io::Result<()> {
        self.transcripts += 1;
        self.bytes += output.bytes();
        output.finish()
    }

    fn whole_transcript(&mut self, path: &Path, lines: &str) -> io::Result<()> {
        let mut output = Output::create(path)?;
        self.turn(&mut output, |out| out.push_str(lines))?;
        self.transcript(output)
    }

    fn sidecar(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let mut output = Output::create(path)?;
        output.buffer.push_str(text);
        self.sidecars += 1;
        self.bytes += output.bytes();
        output.finish()
    }
}

/// Writes one session with all that belongs to it.
struct SessionWriter<'a> {
    session: Session<'a>,
    rng: Rng,
    text: &'a Text,
    cwd: &'a str,
    /// The project's folder.
    dir: &'a Path,
    budget: u64,
    written: &'a mut Written,
}

impl SessionWriter<'_> {
    fn write(mut self) -> io::Result<String> {
        let id = self.session.id().to_string();
        let folder = self.dir.join(&id).join("subagents");
        let end = self.written.bytes + self.budget;
        let mut output = Output::create(&self.dir.join(format!("{id}.jsonl")))?;
        loop {
            let mut calls = Vec::new();
            self.written.turn(&mut output, |out| calls = self.session.turn(out))?;
            for call in &calls {
                self.subagent(&folder, call)?;
            }
            if self.rng.u8(..60) == 0 {
                self.workflow(&folder)?;
            }
            if self.written.bytes + output.bytes() >= end {
                break;
            }
        }
        self.written.transcript(output)?;
        Ok(id)
    }

    fn subagent(&mut self, folder: &Path, call: &AgentCall) -> io::Result<String> {
        let agent = Subagent::new(&mut self.rng, self.text, self.session.id(), self.cwd, call);
        let path = |suffix| folder.join(format!("agent-{}{suffix}", agent.id));
        self.written.whole_transcript(&path(".jsonl"), &agent.transcript)?;
        self.written.sidecar(&path(".meta.json"), &agent.sidecar)?;
        Ok(agent.id)
    }

    fn workflow(&mut self, folder: &Path) -> io::Result<()> {
        let run = format!("wf_{:08x}", self.rng.u32(..));
        let folder = folder.join("workflows").join(&run);
        let mut agents = Vec::new();
        for step in 0..self.rng.usize(1..4) {
            let call = AgentCall {
                tool_use_id: format!("toolu_{:024x}", self.rng.u64(..)),
                description: format!("step {step}"),
            };
            agents.push(self.subagent(&folder, &call)?);
        }
        self.written
            .whole_transcript(&folder.join("journal.jsonl"), &journal(&run, &agents))
    }
}

/// How many bytes each session gets: most little, a few much.
fn budgets(rng: &mut Rng, sessions: usize, bytes: u64) -> Vec<u64> {
    let weights: Vec<f64> = (0..sessions).map(|_| (rng.f64() * 3.0).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights
        .iter()
        .map(|weight| (bytes as f64 * weight / sum) as u64)
        .collect()
}

#[cfg(test)]
mod tests;
