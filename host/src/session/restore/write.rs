use std::fs::File;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::PathBuf;

use bytes::Bytes;

use super::cutoff::{Cutoff, Decision};
use super::report::Restored;
use super::stage::Staged;
use super::target::RestoreTarget;
use crate::agent_format::{UnsafeKey, metadata};
use crate::key::SessionKey;
use crate::session::StreamError;
use crate::session::compare::without_lf;
use crate::session::progress::Meter;
use crate::session::stored::{StoredLines, count_lines};

/// Writes one stream's files under temporary names, on a blocking thread: synced when this returns.
///
/// A subagent's metadata entries become its sidecar, of which the last one counts. Nothing is written for a stream
/// without lines. If the stored side is given up, so is this: the files are gone when the result is dropped.
pub(super) fn stream(
    target: &RestoreTarget,
    key: &SessionKey,
    mut cutoff: Cutoff,
    mut lines: StoredLines,
    meter: &Meter,
) -> Result<Restored, StreamError> {
    let mut restored = Restored::default();
    let mut transcript = TranscriptWriter::new(target, named(key, key.file())?);
    let mut last_metadata = None;
    // Nobody need look at the lines of a main transcript that is written whole.
    let in_payloads = key.is_main() && cutoff.is_whole();
    loop {
        let next = if in_payloads {
            lines.next_payload()
        } else {
            lines.next_line()
        };
        // Given up: the task that reads the stored side has the reason.
        let Ok(next) = next else { return Ok(restored) };
        let Some(chunk) = next else { break };
        if !key.is_main() && metadata::is_metadata(&chunk) {
            last_metadata = Some(Bytes::copy_from_slice(without_lf(&chunk)));
            continue;
        }
        let decision = cutoff.judge(&chunk);
        if decision == Decision::LeftOut {
            continue;
        }
        transcript.write(&chunk)?;
        let entries = count_lines(&chunk);
        restored.entries += entries;
        restored.bytes += chunk.len() as u64;
        meter.moved(entries, chunk.len() as u64);
        if decision == Decision::WrittenAsLast {
            break;
        }
    }
    cutoff.check()?;
    restored.files.extend(transcript.finish()?);
    if let Some(entry) = last_metadata {
        let file = named(key, key.sidecar_file())?;
        restored.files.push(sidecar(target, file, &entry)?);
    }
    Ok(restored)
}

/// A transcript's file, there from the first line on.
struct TranscriptWriter<'a> {
    target: &'a RestoreTarget,
    file: PathBuf,
    open: Option<(Staged, BufWriter<File>)>,
}

/// Enough that a system call is nothing beside the work on what it writes.
const BUFFER: usize = 256 << 10;

impl<'a> TranscriptWriter<'a> {
    fn new(target: &'a RestoreTarget, file: PathBuf) -> Self {
        Self {
            target,
            file,
            open: None,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let (staged, file) = match &mut self.open {
            Some(open) => open,
            none => {
                let (staged, file) = Staged::create(self.target, self.file.clone())?;
                none.insert((staged, BufWriter::with_capacity(BUFFER, file)))
            }
        };
        file.write_all(bytes).map_err(|source| staged.cannot_write(source))
    }

    fn finish(self) -> Result<Option<Staged>, StreamError> {
        let Some((staged, file)) = self.open else {
            return Ok(None);
        };
        let written = file.into_inner().map_err(IntoInnerError::into_error);
        let synced = written.and_then(|file| file.sync_all());
        synced.map_err(|source| staged.cannot_write(source))?;
        Ok(Some(staged))
    }
}

fn sidecar(target: &RestoreTarget, file: PathBuf, entry: &[u8]) -> Result<Staged, StreamError> {
    let name = file.display().to_string();
    let bytes = metadata::to_sidecar(entry).map_err(|source| StreamError::Sidecar { file: name, source })?;
    let (staged, mut open) = Staged::create(target, file)?;
    let written = open.write_all(&bytes).and_then(|()| open.sync_all());
    written.map_err(|source| staged.cannot_write(source))?;
    Ok(staged)
}

fn named(key: &SessionKey, file: Result<PathBuf, UnsafeKey>) -> Result<PathBuf, StreamError> {
    file.map_err(|error| StreamError::UnsafeKey {
        key: key.clone(),
        reason: error.to_string(),
    })
}
