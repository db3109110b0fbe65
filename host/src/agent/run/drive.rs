use std::future;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{sleep, timeout};

use super::Talk;
use crate::agent::AgentError;
use crate::agent::process;
use crate::agent::recorder::Recorder;
use crate::agent_format::printed::{Output, Piece};

/// How much is read at once.
const BUFFER: usize = 64 << 10;

/// What the agent started may hold its output open after it has ended. So long a silence is taken for the end.
const QUIET: Duration = Duration::from_secs(5);

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Between asking a process to end and ending it.
const BEFORE_KILL: Duration = Duration::from_secs(3);

/// One agent, from its start to its end.
pub(super) struct Drive<'r, 'h, W> {
    reader: Reader<'r, 'h, W>,
    input: Option<mpsc::Receiver<Bytes>>,
    stop: watch::Receiver<bool>,
    grace: Duration,
}

/// The half that reads what the agent prints.
struct Reader<'r, 'h, W> {
    recorder: &'r mut Recorder<'h>,
    output: BufWriter<W>,
    /// Nobody listens any more.
    is_deaf: bool,
    input: Option<AbortHandle>,
    stop: watch::Receiver<bool>,
    grace: Duration,
}

impl<'r, 'h, W: AsyncWrite + Unpin> Drive<'r, 'h, W> {
    pub(super) fn new(recorder: &'r mut Recorder<'h>, talk: Talk<W>, grace: Duration) -> Self {
        Self {
            reader: Reader {
                recorder,
                output: BufWriter::with_capacity(BUFFER, talk.output),
                is_deaf: false,
                input: None,
                stop: talk.stop.clone(),
                grace,
            },
            input: talk.input,
            stop: talk.stop,
            grace,
        }
    }

    /// Returns once the agent has ended and everything that it printed is spooled and passed on.
    pub(super) async fn finish(mut self, mut child: Child) -> Result<ExitStatus, AgentError> {
        let input = self.input.take().zip(child.stdin.take());
        let input: Option<JoinHandle<()>> = input.map(|(input, stdin)| tokio::spawn(pass_in(input, stdin)));
        self.reader.input = input.as_ref().map(JoinHandle::abort_handle);
        let close = self.reader.input.clone();
        let (exited, has_exited) = watch::channel(false);
        let stdout = child.stdout.take();
        let reading = async {
            match stdout {
                Some(stdout) => self.reader.read(stdout, has_exited).await,
                None => self.reader.follow(has_exited).await,
            }
        };
        let ending = async {
            let status = supervise(&mut child, &mut self.stop, self.grace, close).await;
            exited.send_replace(true);
            status
        };
        let ((), status) = tokio::join!(reading, ending);
        if let Some(input) = input {
            input.abort();
            // Aborted, or at its end.
            let _ = input.await;
        }
        status.map_err(AgentError::Talk)
    }
}

/// Waits for the agent to end. One that is to stop loses its input and may finish; then it is asked to end, then ended.
async fn supervise(
    child: &mut Child,
    stop: &mut watch::Receiver<bool>,
    grace: Duration,
    input: Option<AbortHandle>,
) -> std::io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = stopped(stop) => {}
    }
    match input {
        Some(input) => input.abort(),
        // Its input is not ours to close.
        None => process::terminate(child),
    }
    if let Ok(status) = timeout(grace, child.wait()).await {
        return status;
    }
    process::terminate(child);
    if let Ok(status) = timeout(BEFORE_KILL, child.wait()).await {
        return status;
    }
    child.start_kill()?;
    child.wait().await
}

/// Returns once it is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // The other end of the channel is gone.
        future::pending().await
    }
}

/// Ends with the channel, or when the agent reads no more: dropping its end closes it.
async fn pass_in(mut input: mpsc::Receiver<Bytes>, mut stdin: ChildStdin) {
    while let Some(bytes) = input.recv().await {
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

impl<W: AsyncWrite + Unpin> Reader<'_, '_, W> {
    async fn read(&mut self, mut stdout: ChildStdout, mut has_exited: watch::Receiver<bool>) {
        let mut output = Output::new();
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(BUFFER);
            let read = tokio::select! {
                biased;
                read = stdout.read_buf(&mut buffer) => read,
                () = quiet(&mut has_exited) => break,
            };
            // A pipe does not fail; one that did would be at its end.
            if read.is_err() || buffer.is_empty() {
                break;
            }
            self.take(output.feed(buffer.split().freeze())).await;
        }
        self.take(output.end()).await;
    }

    async fn take(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Pass(bytes) => self.pass(&bytes).await,
                Piece::Frame(frame) => {
                    self.flush().await;
                    self.recorder.take(&frame).await;
                }
                Piece::TooLong(head) => self.recorder.malformed(&head),
                Piece::Session(session) => self.recorder.names_session(&session),
                Piece::TurnEnded => {
                    self.flush().await;
                    self.recorder.turn_ended();
                }
            }
        }
        self.flush().await;
    }

    async fn pass(&mut self, bytes: &[u8]) {
        if self.is_deaf {
            return;
        }
        let written = tokio::select! {
            written = self.output.write_all(bytes) => written.is_ok(),
            () = out_of_patience(&mut self.stop, self.grace) => false,
        };
        self.heard(written);
    }

    async fn flush(&mut self) {
        if self.is_deaf {
            return;
        }
        let flushed = tokio::select! {
            flushed = self.output.flush() => flushed.is_ok(),
            () = out_of_patience(&mut self.stop, self.grace) => false,
        };
        self.heard(flushed);
    }

    /// Where nobody listens any more, nobody will ask for more: the agent may finish what it is at.
    fn heard(&mut self, is_heard: bool) {
        if is_heard {
            return;
        }
        self.is_deaf = true;
        if let Some(input) = &self.input {
            input.abort();
        }
    }

    async fn follow(&mut self, mut has_exited: watch::Receiver<bool>) {
        self.recorder.expect_files_only();
        loop {
            let ended = timeout(LOOK, has_exited.wait_for(|exited| *exited)).await.is_ok();
            self.recorder.follow().await;
            if ended {
                return;
            }
        }
    }
}

/// Returns when the agent has ended and nothing was printed for a while.
async fn quiet(has_exited: &mut watch::Receiver<bool>) {
    // An error says that it was told before its teller went.
    let _ = has_exited.wait_for(|exited| *exited).await;
    sleep(QUIET).await;
}

/// Returns when it is to stop and the reader of what the agent prints has been waited for long enough.
async fn out_of_patience(stop: &mut watch::Receiver<bool>, grace: Duration) {
    stopped(stop).await;
    sleep(grace).await;
}
