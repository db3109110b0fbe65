mod drive;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};

use super::event::{OnEvent, Tally};
use super::place::Place;
use super::process::{self, Ends, Identity, Surroundings};
use super::recorder::Recorder;
use super::trail::{self, Trail};
use super::{AgentError, in_trail};
use crate::agent_format::{AgentHome, CommandLine};
use crate::host::Host;
use crate::key::SessionKey;
use crate::session::{self, StreamEnd};
use crate::spool::{Base, Stored};
use crate::store::Store;
use drive::Drive;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Which session it is to be.
    pub start: Start,
    /// The project key that its transcripts are stored under; none: that of the current directory.
    pub project: Option<String>,
    /// How long the agent may go on when it is to stop, before it is made to.
    pub grace: Duration,
    /// The file mode creation mask that the agent is started with (`umask`, Unix only): its files are its user's work,
    /// and are as private as the user has them. None: this process's.
    pub file_mask: Option<u32>,
    /// How many files the agent may have open (its soft limit, Unix only), as its user has it. None: as many as this
    /// process.
    pub open_files: Option<u64>,
}

/// Which session an agent is to work on.
#[derive(Clone, Debug)]
pub enum Start {
    /// As the command says.
    AsCommanded,
    /// A new one that has this id.
    New(String),
    /// One that is stored.
    Resume(Resume),
}

/// A stored session to go on with.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The name of the destination that has it.
    pub destination: String,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// The session's main key.
    pub session: SessionKey,
    /// Go on in a new session that has this id and begins with a copy of this one.
    pub fork: Option<String>,
}

/// How the agent is talked to. It complains where this process does.
#[derive(Debug)]
pub struct Talk<W> {
    /// What it reads; its input ends with the channel. None: it reads what this process would.
    pub input: Option<mpsc::Receiver<Bytes>>,
    /// Where goes what it prints, without the frames. Where the command cannot print frames, it prints to this
    /// process's own output instead.
    pub output: W,
    /// It is to stop once this holds true.
    pub stop: watch::Receiver<bool>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How the agent did.
    pub status: ExitStatus,
    /// What was counted.
    pub tally: Tally,
    /// Where the transcripts of its project were looked for.
    pub folder: PathBuf,
}

impl Ended {
    /// The agent's exit code; of one that a signal ended, 128 and the signal's number, as shells do.
    pub fn code(&self) -> u8 {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&self.status);
        #[cfg(not(unix))]
        let signal: Option<i32> = None;
        let code = self.status.code().or(signal.map(|signal| 128 + signal));
        code.and_then(|code| u8::try_from(code & 0xff).ok()).unwrap_or(1)
    }
}

/// Runs an agent's command to its end, and mirrors what it writes.
///
/// What it prints is passed on as it comes. Of a command that prints JSON messages, frames are asked for and taken out;
/// a line is passed on once every entry before it is on local disk, and no destination is waited for. Another command's
/// transcript files are followed. When this returns, everything is on local disk; delivering it is the host's.
///
/// Under `state`, the host's own directory, a record of the run is kept while it lasts ([`super::Leftovers`]).
///
/// Needs a tokio runtime with I/O and time around it. Dropped, it kills the agent: what it wrote is picked up by the
/// next start.
pub async fn run<W: AsyncWrite + Unpin>(
    host: &Host,
    state: &Path,
    run: Run,
    talk: Talk<W>,
    on_event: OnEvent,
) -> Result<Ended, AgentError> {
    let trail = Trail::begin(state, host.writer()).map_err(in_trail(state))?;
    let mut recorder = Recorder::new(host, trail, on_event);
    match work(&mut recorder, state, &run, talk).await {
        Ok(status) => {
            let place = recorder.trail().place();
            let folder = place.projects.join(&place.folder);
            Ok(Ended {
                status,
                tally: recorder.finish().await,
                folder,
            })
        }
        Err(error) => {
            recorder.finish().await;
            Err(error)
        }
    }
}

async fn work<W: AsyncWrite + Unpin>(
    recorder: &mut Recorder<'_>,
    state: &Path,
    run: &Run,
    talk: Talk<W>,
) -> Result<ExitStatus, AgentError> {
    let mut line = CommandLine::new(&run.command).ok_or(AgentError::NoCommand)?;
    let has_frames = line.ask_for_frames();
    let prepared = prepare(recorder, &mut line, run).await?;
    let _claim = claim(state, &prepared.place, has_frames)?;
    if let Some(by) = line.not_kept() {
        recorder.is_not_kept(&by);
    }
    let failed = in_trail(recorder.trail().dir());
    let unread = recorder
        .trail()
        .set_place(prepared.place, !has_frames)
        .map_err(failed)?;
    recorder.could_not_look(unread);
    if let Some(session) = &prepared.session {
        recorder.names_session(session);
    }
    let ends = Ends {
        input: talk.input.is_some(),
        output: has_frames,
    };
    let id = recorder.trail().id().to_owned();
    let surroundings = Surroundings {
        run: &id,
        config_dir: prepared.config_dir.as_deref(),
        file_mask: run.file_mask,
        open_files: run.open_files,
    };
    let child = process::spawn(&line, ends, surroundings)?;
    if let Some(pid) = child.id() {
        let failed = in_trail(recorder.trail().dir());
        recorder.trail().set_agent(Identity::of(pid)).map_err(failed)?;
    }
    Drive::new(recorder, talk, run.grace).finish(child).await
}

/// What a start needs.
struct Prepared {
    place: Place,
    config_dir: Option<PathBuf>,
    /// The session that is known to be written to.
    session: Option<String>,
}

async fn prepare(recorder: &mut Recorder<'_>, line: &mut CommandLine, run: &Run) -> Result<Prepared, AgentError> {
    if let (Start::New(_) | Start::Resume(_), Some(option)) = (&run.start, line.chosen()) {
        let option = option.to_owned();
        return Err(AgentError::ChosenTwice { option });
    }
    let config_dir = matches!(run.start, Start::Resume(_)).then(|| recorder.trail().config_dir());
    let place = Place::of_here(config_dir.clone(), run.project.clone())?;
    let session = match (&run.start, &config_dir) {
        (Start::Resume(resume), Some(into)) => {
            bring_back(recorder, resume, &place.folder, into).await?;
            let id = resume.session.session_id();
            line.resume(id, resume.fork.as_deref());
            Some(resume.fork.clone().unwrap_or_else(|| id.to_owned()))
        }
        (Start::New(id), _) => {
            line.begin(id);
            Some(id.clone())
        }
        _ => None,
    };
    Ok(Prepared {
        place,
        config_dir,
        session,
    })
}

async fn bring_back(recorder: &mut Recorder<'_>, resume: &Resume, folder: &str, into: &Path) -> Result<(), AgentError> {
    let home = AgentHome::from_env().ok_or(AgentError::NoHome)?;
    let made = session::materialise(resume.store.clone(), &resume.session, folder, &home, into).await?;
    for warning in &made.warnings {
        tracing::warn!("{warning}");
    }
    for note in &made.notes {
        tracing::warn!("{note}");
    }
    if resume.fork.is_none() {
        recorder.begin_behind(made.ends.into_iter().map(|end| base(&resume.destination, end)));
    }
    Ok(())
}

fn base(destination: &str, end: StreamEnd) -> (SessionKey, Base) {
    let stored = Stored {
        destination: destination.to_owned(),
        position: end.position,
    };
    let base = Base {
        lines: end.entries,
        stored: Some(stored),
    };
    (end.key, base)
}

/// Held while the agent runs.
fn claim(state: &Path, place: &Place, has_frames: bool) -> Result<File, AgentError> {
    let claimed = trail::claim_folder(state, place, !has_frames).map_err(in_trail(state))?;
    claimed.ok_or(AgentError::Followed)
}
