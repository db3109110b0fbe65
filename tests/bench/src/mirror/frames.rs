//! Made-up transcripts as an agent gives them: a few entries at a time.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use mirrorbox_transcripts::Projects;

/// One session's entries, a few at a time.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) frames: Vec<Vec<Vec<u8>>>,
}

/// The main transcripts of made-up projects.
pub(crate) fn make(dir: &Path, bytes: u64) -> anyhow::Result<Vec<Session>> {
    let made = Projects {
        seed: 7,
        sessions: 24,
        bytes,
    };
    made.write(dir)?;
    let mut sessions = Vec::new();
    for project in fs::read_dir(dir)? {
        for file in fs::read_dir(project?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                sessions.push(session(&path)?);
            }
        }
    }
    Ok(sessions)
}

fn session(path: &Path) -> anyhow::Result<Session> {
    let text = fs::read(path)?;
    // Both sides are to take every line.
    let is_entry = |line: &&[u8]| serde_json::from_slice::<serde_json::Map<_, _>>(line).is_ok();
    let entries: Vec<_> = text.split(|byte| *byte == b'\n').filter(is_entry).collect();
    let (mut frames, mut rest) = (Vec::new(), entries.as_slice());
    while !rest.is_empty() {
        let (frame, left) = rest.split_at(rest.len().min(1 + frames.len() % 6));
        frames.push(frame.iter().map(|entry| entry.to_vec()).collect());
        rest = left;
    }
    Ok(Session {
        id: path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .context("an odd name")?
            .to_owned(),
        frames,
    })
}

/// One long session: so many entries of so many bytes each.
pub(crate) fn long(id: &str, entries: u64, bytes: usize) -> Session {
    let mut frames = Vec::new();
    for number in 0..entries {
        let mut entry =
            format!(r#"{{"type":"user","uuid":"{number:032x}","message":{{"role":"user","content":""#).into_bytes();
        entry.resize(bytes - 4, b'x');
        entry.extend(b"\"}}");
        frames.push(vec![entry]);
    }
    Session {
        id: id.to_owned(),
        frames,
    }
}

/// Leaves out what a column of JSON refuses (NUL, half surrogates): the SDK would lose its batch, and time.
pub(crate) fn plain(mut sessions: Vec<Session>) -> Vec<Session> {
    for frame in sessions.iter_mut().flat_map(|session| &mut session.frames) {
        frame.retain(|entry| !entry.windows(2).any(|two| two == br"\u"));
    }
    for session in &mut sessions {
        session.frames.retain(|frame| !frame.is_empty());
    }
    sessions
}

pub(crate) fn count(sessions: &[Session]) -> usize {
    sessions.iter().flat_map(|session| &session.frames).map(Vec::len).sum()
}

/// Writes them down for the other side, a frame a line: `{"session":…,"entries":[…]}`. Sessions take turns.
pub(crate) fn write(sessions: &[Session], path: &Path) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(fs::File::create(path)?);
    let longest = sessions.iter().map(|session| session.frames.len()).max().unwrap_or(0);
    for turn in 0..longest {
        for session in sessions {
            let Some(frame) = session.frames.get(turn) else {
                continue;
            };
            write!(out, "{{\"session\":{:?},\"entries\":[", session.id)?;
            out.write_all(&frame.join(&b','))?;
            out.write_all(b"]}\n")?;
        }
    }
    Ok(out.flush()?)
}
