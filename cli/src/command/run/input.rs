use std::io::{self, IsTerminal, Read};
use std::thread;

use mirrorbox::agent::Bytes;
use tokio::sync::mpsc;

/// How much is read at once, and how many such pieces wait.
const PIECE: usize = 64 << 10;
const WAITING: usize = 4;

/// What comes in on stdin; none where it is a terminal, which the agent reads itself.
///
/// On a thread that nobody waits for: one that reads cannot be told to stop.
pub(super) fn stdin() -> Option<mpsc::Receiver<Bytes>> {
    if io::stdin().is_terminal() {
        return None;
    }
    let (pieces, input) = mpsc::channel(WAITING);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut buffer = vec![0; PIECE];
        while let Ok(len @ 1..) = stdin.read(&mut buffer) {
            let piece = buffer.get(..len).unwrap_or_default();
            if pieces.blocking_send(Bytes::copy_from_slice(piece)).is_err() {
                return;
            }
        }
    });
    Some(input)
}
