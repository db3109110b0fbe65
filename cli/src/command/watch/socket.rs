//! `<state>/watch/status.sock`: each client that connects reads the status as JSON, and can change nothing.

use std::fs::{self, Permissions};
use std::future;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};

use super::live::LiveStatus;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// No answer is longer.
const MOST: u64 = 64 << 20;

/// Where the questions come.
#[derive(Debug)]
pub(super) struct Socket {
    listener: Option<UnixListener>,
}

impl Socket {
    /// In a directory that nobody else may look into. Where it cannot be made, `status` reads from disk as it does when
    /// nobody follows.
    pub(super) fn bind(state: &Path) -> Self {
        let path = path(state);
        let listener = bind(&path).map_err(|error| {
            tracing::warn!(
                "`mirrorbox status` cannot ask this process: {}: {error}",
                path.display()
            )
        });
        Self {
            listener: listener.ok(),
        }
    }

    /// Answers one after the other. Never returns.
    pub(super) async fn serve(&self, status: &impl Fn() -> LiveStatus) {
        let Some(listener) = &self.listener else {
            return future::pending().await;
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // One that does not read is not waited for, and one that is gone needs no answer.
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, status())).await;
                }
                Err(error) => {
                    tracing::warn!("`mirrorbox status` could not be answered: {error}");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

async fn answer(mut stream: UnixStream, status: LiveStatus) -> io::Result<()> {
    stream.write_all(&serde_json::to_vec(&status)?).await?;
    stream.shutdown().await
}

/// The caller holds the directory's lock, so a socket that is there was left by a process that ended.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Asks the process that follows for a state directory; `None` if no process follows, or it does not answer.
pub(crate) fn ask(state: &Path) -> Option<LiveStatus> {
    let stream = BlockingStream::connect(path(state)).ok()?;
    let told = || -> io::Result<LiveStatus> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut answer = Vec::new();
        stream.take(MOST).read_to_end(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    };
    told()
        .map_err(|error| tracing::warn!("the process that follows does not say how it goes: {error}"))
        .ok()
}

fn path(state: &Path) -> PathBuf {
    state.join("watch").join("status.sock")
}
