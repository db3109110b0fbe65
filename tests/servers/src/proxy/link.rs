//! One connection through the proxy.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::{Control, Direction, Faults};

/// The most that is read at once.
const PIECE: usize = 16 << 10;

/// Why a direction ended before its sender did.
enum Stop {
    Reset,
    Gone,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Forwards both ways until both ends have finished or something cuts the connection. Counts it as open until then,
/// even where its task is dropped.
pub(super) async fn forward(mut client: TcpStream, target: SocketAddr, control: Control) {
    let _open = Open(control.clone());
    let Ok(mut server) = TcpStream::connect(target).await else {
        // A server that is away cannot be told to a client that is connected already; a reset comes closest.
        let _ = client.set_zero_linger();
        return;
    };
    let mut resets = control.resets.subscribe();
    let mut forgotten = control.forgotten.subscribe();
    let stopped = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let requests = Way::new(Direction::ToServer, &control);
        let replies = Way::new(Direction::ToClient, &control);
        tokio::select! {
            ended = async {
                tokio::try_join!(requests.forward(from_client, to_server), replies.forward(from_server, to_client))
            } => ended.err(),
            _ = resets.changed() => Some(Stop::Reset),
            // Both sockets stay open and are not read.
            _ = forgotten.changed() => {
                let _ = control.resets.subscribe().changed().await;
                Some(Stop::Reset)
            }
        }
    };
    if stopped.is_some() {
        // With no time to linger, closing is a reset.
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
    drop((client, server));
    if matches!(stopped, Some(Stop::Reset)) {
        control.count_reset();
    }
}

struct Open(Control);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.count(|counts| counts.open -= 1);
    }
}

/// One direction of a connection.
struct Way<'a> {
    direction: Direction,
    control: &'a Control,
    faults: watch::Receiver<Faults>,
    /// Bytes that passed since the faults were set.
    passed: u64,
}

impl<'a> Way<'a> {
    fn new(direction: Direction, control: &'a Control) -> Self {
        Self {
            direction,
            control,
            faults: control.faults.subscribe(),
            passed: 0,
        }
    }

    async fn forward(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Stop> {
        let mut buffer = vec![0; PIECE];
        loop {
            let len = from.read(&mut buffer).await?;
            let Some(piece) = buffer.get(..len).filter(|piece| !piece.is_empty()) else {
                to.shutdown().await?;
                return Ok(());
            };
            self.hold_back(len).await;
            let may_pass = self.may_pass(len);
            if let Some(piece) = piece.get(..may_pass) {
                to.write_all(piece).await?;
            }
            self.count(may_pass);
            if may_pass < len || self.is_cut() {
                return Err(Stop::Reset);
            }
        }
    }

    /// Waits for as long as the faults say, and anew whenever they change.
    async fn hold_back(&mut self, len: usize) {
        loop {
            // A change restarts the count of what passed.
            if self.faults.has_changed().unwrap_or(false) {
                self.passed = 0;
            }
            let faults = self.faults.borrow_and_update().clone();
            if faults.stall != Some(self.direction) {
                let pace = faults
                    .bytes_per_second
                    .map_or(0.0, |rate| len as f64 / f64::from(rate.max(1)));
                let wait = faults.delay + Duration::from_secs_f64(pace);
                // Even no time at all would be rounded up to a tick of the clock.
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                return;
            }
            if self.faults.changed().await.is_err() {
                return;
            }
            self.passed = 0;
        }
    }

    /// How much of a piece gets through.
    fn may_pass(&self, len: usize) -> usize {
        let faults = self.faults.borrow();
        if faults.lose_replies && self.direction == Direction::ToClient {
            return 0;
        }
        match faults.cut_after {
            Some((direction, bytes)) if direction == self.direction => {
                let left = bytes.saturating_sub(self.passed);
                usize::try_from(left).map_or(len, |left| left.min(len))
            }
            _ => len,
        }
    }

    fn is_cut(&self) -> bool {
        let cut_after = self.faults.borrow().cut_after;
        cut_after.is_some_and(|(direction, bytes)| direction == self.direction && self.passed >= bytes)
    }

    fn count(&mut self, len: usize) {
        let len = len as u64;
        self.passed += len;
        self.control.count(|counts| match self.direction {
            Direction::ToServer => counts.to_server += len,
            Direction::ToClient => counts.to_client += len,
        });
    }
}
