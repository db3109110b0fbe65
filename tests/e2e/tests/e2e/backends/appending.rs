//! Transcripts of one host that are appended to all the time, and what must have become of them.

use std::sync::Arc;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Kind, Reader, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many transcripts: more than calls at once, so that some wait.
const TRANSCRIPTS: usize = 6;

/// Tasks that append one line after the other, each to a transcript of its own.
pub(super) struct Appending {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Acknowledged>,
}

/// How many lines of a transcript the host has taken.
pub(super) struct Acknowledged {
    key: SessionKey,
    lines: u64,
}

impl Appending {
    pub(super) fn to(host: &Host) -> Self {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for number in 0..TRANSCRIPTS {
            let transcript = host.transcript(key(number));
            let stop = stop.subscribe();
            tasks.spawn(async move {
                let mut lines = 0;
                while !*stop.borrow() {
                    transcript.append(&[line(lines + 1)]).await.unwrap();
                    lines += 1;
                }
                let key = transcript.key().clone();
                Acknowledged { key, lines }
            });
        }
        Self { stop, tasks }
    }

    pub(super) async fn stop(self) -> Vec<Acknowledged> {
        self.stop.send_replace(true);
        self.tasks.join_all().await
    }
}

impl Acknowledged {
    /// Every line is there, once, in order, and nothing else is.
    pub(super) async fn is_stored(&self, store: Arc<dyn Store>) {
        let mut reader = Reader::new(store, self.key.clone());
        let mut stored = 0;
        while let Some(batch) = reader.next().await.unwrap() {
            assert_eq!(batch.kind, Kind::Entries);
            for found in batch.payload.split_inclusive(|byte| *byte == b'\n') {
                stored += 1;
                let is_it = found.strip_suffix(b"\n") == Some(line(stored).as_bytes());
                assert!(is_it, "{}: another line {stored} in batch {}", self.key, batch.number);
            }
        }
        assert!(self.lines > 0);
        assert_eq!(stored, self.lines, "{}", self.key);
    }
}

/// A main transcript or a subpath.
fn key(number: usize) -> SessionKey {
    let main = SessionKey::main("-srv-app", format!("session-{}", number / 2)).unwrap();
    match number % 2 {
        0 => main,
        _ => main.with_subpath("subagents/agent-1").unwrap(),
    }
}

/// Of any length from some bytes to some thousands, and a long one now and then.
fn line(number: u64) -> String {
    let text = match number % 200 {
        0 => 100_000,
        _ => number * 7919 % 3001,
    };
    format!("{{\"n\":{number},\"text\":\"{}\"}}", "x".repeat(text as usize))
}
