//! What a component says, through `wasi:logging` or its standard output: lines in the host's log.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::AsyncWrite;
use wasmtime::component::{ComponentType, Lift, Linker};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::refusals::Refusals;
use crate::config::network::Refusal;
use crate::config::{Examination, Settings};

/// The longest line that is logged, in bytes; the rest of it is cut.
const MAX_LINE: usize = 8 << 10;

/// The level of a message, as `wasi:logging` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code, reason = "guests make the others")]
pub(super) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

/// Links both names under which guests import logging, given the log in what a store has.
pub(super) fn add_to_linker<T: 'static>(linker: &mut Linker<T>, log: fn(&T) -> &GuestLog) -> wasmtime::Result<()> {
    for interface in ["wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"] {
        linker.instance(interface)?.func_wrap(
            "log",
            move |store: wasmtime::StoreContextMut<'_, T>, (level, context, message): (Level, String, String)| {
                log(store.data()).line(level, &context, &message);
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// Where the lines of one adapter go: shared by its instances.
#[derive(Clone, Debug)]
pub(super) struct GuestLog {
    adapter: Arc<str>,
    settings: Arc<Settings>,
    rate: Arc<Mutex<Rate>>,
    refusals: Arc<Refusals>,
    examination: Option<Examination>,
}

impl GuestLog {
    /// Passes on so many lines a second at most, of all instances together.
    pub(super) fn new(adapter: &str, settings: Arc<Settings>, lines: u32) -> Self {
        Self {
            adapter: adapter.into(),
            settings,
            rate: Arc::new(Mutex::new(Rate::new(lines, Instant::now()))),
            refusals: Arc::default(),
            examination: None,
        }
    }

    /// Hands its lines to who examines the adapter, instead of logging them.
    pub(super) fn examined(self, examination: Option<Examination>) -> Self {
        Self { examination, ..self }
    }

    /// Logs one line, masked and cut, unless the adapter has said too much already.
    pub(super) fn line(&self, level: Level, context: &str, message: &str) {
        if let Some(examination) = &self.examination {
            let message = self.shown(message);
            tracing::debug!(adapter = &*self.adapter, %context, "{message}");
            examination.note_said(message);
            return;
        }
        let verdict = self.rate().admit(Instant::now());
        let Rating::Logged { suppressed } = verdict else {
            return;
        };
        let adapter = &*self.adapter;
        if suppressed > 0 {
            tracing::warn!(adapter, suppressed, "the adapter logs too much; lines were left out");
        }
        let [context, message] = [context, message].map(|text| self.shown(text));
        match level {
            Level::Trace => tracing::trace!(adapter, %context, "{message}"),
            Level::Debug => tracing::debug!(adapter, %context, "{message}"),
            Level::Info => tracing::info!(adapter, %context, "{message}"),
            Level::Warn => tracing::warn!(adapter, %context, "{message}"),
            Level::Error | Level::Critical => tracing::error!(adapter, %context, "{message}"),
        }
    }

    /// What is logged of a text: masked, and then cut, for the head of a secret at the edge would not be known as one.
    fn shown(&self, text: &str) -> String {
        // No more is looked at than a line and a secret that begins in it, and the byte that tells that there is more.
        let looked_at = cut(text, self.looked_at());
        let masked = self.settings.mask(looked_at);
        // Of what was cut off before, the rest may be the head of a secret.
        let whole = match looked_at.len() < text.len() || text.len() >= self.looked_at() {
            true => masked.len().saturating_sub(self.settings.longest_secret()),
            false => masked.len(),
        };
        cut(&masked, whole.min(MAX_LINE)).to_owned()
    }

    /// How much of a text matters to its line.
    fn looked_at(&self) -> usize {
        MAX_LINE + self.settings.longest_secret() + 1
    }

    /// Says that a call of the guest was refused, and what would allow it: once, but then whatever else it logs.
    pub(super) fn refused(&self, refusal: &Refusal) {
        // A name to look up may be a secret, on its way out.
        let [what, remedy] = [&refusal.what, &refusal.remedy].map(|text| self.settings.mask(text).into_owned());
        let refusal = Refusal { what, remedy };
        if self.refusals.add(&refusal) {
            let adapter = &*self.adapter;
            tracing::warn!(adapter, context = "sandbox", "refused: {refusal}");
        }
    }

    pub(super) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// How many lines were not passed on.
    pub(super) fn dropped(&self) -> u64 {
        self.rate().dropped
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock()
    }

    /// A standard stream whose lines are logged at `level`.
    pub(super) fn stream(&self, level: Level, name: &'static str) -> LogStream {
        LogStream {
            log: self.clone(),
            level,
            name,
            line: Vec::new(),
        }
    }
}

fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// Counts lines in windows of a second.
#[derive(Debug)]
struct Rate {
    most: u32,
    since: Instant,
    lines: u32,
    suppressed: u32,
    /// Of all seconds.
    dropped: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Rating {
    /// The line may be logged; so many before it were not.
    Logged {
        suppressed: u32,
    },
    Suppressed,
}

impl Rate {
    fn new(most: u32, now: Instant) -> Self {
        Self {
            most,
            since: now,
            lines: 0,
            suppressed: 0,
            dropped: 0,
        }
    }

    fn admit(&mut self, now: Instant) -> Rating {
        let mut suppressed = 0;
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.lines) = (now, 0);
            suppressed = std::mem::take(&mut self.suppressed);
        }
        if self.lines == self.most {
            self.suppressed = self.suppressed.saturating_add(suppressed).saturating_add(1);
            self.dropped += 1;
            return Rating::Suppressed;
        }
        self.lines += 1;
        Rating::Logged { suppressed }
    }
}

/// Standard output or standard error of an instance.
#[derive(Clone)]
pub(super) struct LogStream {
    log: GuestLog,
    level: Level,
    name: &'static str,
    line: Vec<u8>,
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl LogStream {
    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = self.log.looked_at().saturating_sub(self.line.len()).min(piece.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        self.log.line(self.level, self.name, text.trim_end());
        self.line.clear();
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    /// Only WASI 0.3 asks for this, and it is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let start = Instant::now();
        let mut rate = Rate::new(3, start);
        for _ in 0..3 {
            assert_eq!(rate.admit(start), Rating::Logged { suppressed: 0 });
        }
        assert_eq!(rate.admit(start), Rating::Suppressed);
        assert_eq!(rate.admit(start), Rating::Suppressed);
        let later = start + Duration::from_secs(1);
        assert_eq!(rate.admit(later), Rating::Logged { suppressed: 2 });
        assert_eq!(rate.admit(later), Rating::Logged { suppressed: 0 });
        assert_eq!(rate.dropped, 2);
    }

    #[test]
    fn who_may_log_nothing_logs_nothing() {
        let start = Instant::now();
        let mut rate = Rate::new(0, start);
        for second in 0..3 {
            assert_eq!(rate.admit(start + Duration::from_secs(second)), Rating::Suppressed);
        }
        assert_eq!(rate.dropped, 3);
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        let log = GuestLog::new("test", Arc::default(), 100);
        let text = "aé".repeat(MAX_LINE);
        assert_eq!(log.shown(&text).len(), MAX_LINE - 1);
        assert_eq!(log.shown("short"), "short");
    }

    #[test]
    fn no_head_of_a_secret_is_left_where_a_line_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let secret = "SECRET".repeat(20);
        std::fs::write(&path, &secret).unwrap();
        let settings = [("key".to_owned(), Setting::File(path))].into();
        let log = GuestLog::new("test", Arc::new(Settings::resolve(&settings).unwrap()), 100);
        for secrets in [1, 200] {
            for before in 0..MAX_LINE + 2 * secret.len() {
                if secrets == 200 && before > 2 * secret.len() {
                    break;
                }
                let text = format!("{}{}", "x".repeat(before), secret.repeat(secrets));
                let shown = log.shown(&text);
                assert!(!shown.contains('S') && shown.len() <= MAX_LINE, "{before}: {shown}");
            }
        }
        assert_eq!(log.shown(&format!("{secret} and more")), "*** and more");
    }

    #[test]
    fn a_stream_keeps_no_more_than_a_line() {
        let mut stream = GuestLog::new("test", Arc::default(), 100).stream(Level::Info, "stdout");
        stream.push(&vec![b'x'; 3 * MAX_LINE]);
        assert_eq!(stream.line.len(), MAX_LINE + 1);
        stream.push(b"\nrest");
        assert_eq!(stream.line, b"rest");
    }
}
