use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::local::{LocalSessions, LocalStream};
use crate::key::SessionKey;

/// Decides which transcripts' files an import leaves out: given the key, the path below the projects directory and the
/// length in bytes, it says why, or `None` if the file is imported. What is added to a file after that is left to
/// another import. Blocks.
#[derive(Clone)]
pub struct LeaveOut(Arc<Ask>);

type Ask = dyn Fn(&SessionKey, &str, u64) -> Option<String> + Send + Sync;

impl LeaveOut {
    /// By a function that may block for the disk.
    pub fn new(ask: impl Fn(&SessionKey, &str, u64) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Keeps of what was found what is to be imported, each as long as it is now, and notes the rest.
    pub(super) fn sort(&self, found: &mut LocalSessions, name_of: impl Fn(&Path) -> String) {
        let LocalSessions { sessions, odd, .. } = found;
        for streams in sessions.values_mut() {
            streams.retain_mut(|stream| {
                let Some((path, bytes)) = file(stream) else {
                    return false;
                };
                match (self.0)(&stream.key, &path.to_string_lossy(), bytes) {
                    None => true,
                    Some(reason) => {
                        odd.push((name_of(&path), reason));
                        false
                    }
                }
            });
        }
    }
}

/// The transcript, of which only what is there now is read from here on, else the sidecar.
fn file(stream: &mut LocalStream) -> Option<(PathBuf, u64)> {
    let transcript = stream.transcript.as_mut().map(|file| {
        file.until = file.bytes;
        (file.path.clone(), file.bytes)
    });
    transcript.or_else(|| Some((stream.sidecar.clone()?, 0)))
}

impl fmt::Debug for LeaveOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeaveOut").finish_non_exhaustive()
    }
}
