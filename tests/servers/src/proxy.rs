//! A TCP proxy that breaks connections on demand.

mod link;
mod listener;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::listener::Listener;
use crate::server::local;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Requests.
    ToServer,
    /// Replies.
    ToClient,
}

/// What goes wrong, on open and on new connections; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Nobody listens: connecting is refused. Open connections go on.
    pub refuse: bool,
    /// How long everything that was sent, in pieces of up to 16 KiB, is held back, one piece after the other.
    pub delay: Duration,
    /// How many bytes a second each connection lets through in each direction.
    pub bytes_per_second: Option<u32>,
    /// Nothing that goes this way arrives, until that changes. Connections stay open.
    pub stall: Option<Direction>,
    /// Both ends get a reset once this many bytes have gone this way since the fault was set.
    pub cut_after: Option<(Direction, u64)>,
    /// Requests arrive, and once the server answers, both ends get a reset in place of the reply.
    pub lose_replies: bool,
    /// After how many resets everything works again; never, if not said.
    pub resets: Option<u64>,
}

/// What went through a proxy since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Those that are open.
    pub open: u64,
    /// Bytes that the server was sent.
    pub to_server: u64,
    /// Bytes that clients were sent.
    pub to_client: u64,
    /// Connections that the proxy reset.
    pub resets: u64,
}

/// A TCP proxy on a free port of 127.0.0.1. Dropping it ends every connection and frees the port.
///
/// It runs on the tokio runtime that it was started on.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use mirrorbox_servers::{Faults, Proxy, Redis};
///
/// let redis = Redis::start()?;
/// let proxy = Proxy::start(redis.server.address()).await?;
/// // The next request lands, and its answer is lost.
/// proxy.set(Faults { lose_replies: true, resets: Some(1), ..Faults::default() });
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    control: Control,
    /// The task that listens; it owns those of the connections.
    _listening: JoinSet<()>,
}

/// What the proxy and its connections share.
#[derive(Clone, Debug)]
struct Control {
    faults: Arc<watch::Sender<Faults>>,
    counts: Arc<watch::Sender<Counts>>,
    /// How often every open connection was to be reset.
    resets: Arc<watch::Sender<u64>>,
    /// How often every open connection was to be forgotten.
    forgotten: Arc<watch::Sender<u64>>,
}

impl Proxy {
    /// Listens on a free port and forwards to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = Listener::bind(local(0))?;
        let address = listener.address();
        let control = Control {
            faults: Arc::new(watch::Sender::new(Faults::default())),
            counts: Arc::new(watch::Sender::new(Counts::default())),
            resets: Arc::new(watch::Sender::new(0)),
            forgotten: Arc::new(watch::Sender::new(0)),
        };
        let mut listening = JoinSet::new();
        listening.spawn(listener.run(target, control.clone()));
        Ok(Self {
            address,
            control,
            _listening: listening,
        })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lets these things go wrong, in place of what went wrong before.
    ///
    /// A new refusal holds as soon as a connection attempt is refused; [`Proxy::refuses`] awaits that.
    pub fn set(&self, faults: Faults) {
        self.control.faults.send_replace(faults);
    }

    /// Lets everything work again.
    pub fn heal(&self) {
        self.set(Faults::default());
    }

    /// Refuses connections from when this returns until something else is set. Open connections get a reset.
    pub async fn refuses(&self) {
        self.set(Faults {
            refuse: true,
            ..Faults::default()
        });
        while tokio::net::TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        self.reset();
        self.until(|counts| counts.open == 0).await;
    }

    /// Resets every open connection.
    pub fn reset(&self) {
        self.control.resets.send_modify(|resets| *resets += 1);
    }

    /// Forgets every open connection, as a firewall does with quiet ones: nothing passes any more, and neither end is
    /// told. New connections pass.
    pub fn forget(&self) {
        self.control.forgotten.send_modify(|forgotten| *forgotten += 1);
    }

    /// What went through so far.
    pub fn counts(&self) -> Counts {
        *self.control.counts.borrow()
    }

    /// Waits until so many connections were accepted.
    pub async fn connections(&self, number: u64) -> Counts {
        self.until(|counts| counts.connections >= number).await
    }

    /// Waits until the proxy has reset so many connections.
    pub async fn resets(&self, number: u64) -> Counts {
        self.until(|counts| counts.resets >= number).await
    }

    /// Waits until the counts are such.
    pub async fn until(&self, such: impl Fn(&Counts) -> bool) -> Counts {
        let mut counts = self.control.counts.subscribe();
        // `self` holds the sender, so that waiting cannot fail.
        match counts.wait_for(such).await {
            Ok(counts) => *counts,
            Err(_) => self.counts(),
        }
    }
}

impl Control {
    fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    /// A connection was reset: that may have been the last time.
    fn count_reset(&self) {
        self.count(|counts| counts.resets += 1);
        self.faults.send_if_modified(|faults| match &mut faults.resets {
            Some(0 | 1) => {
                *faults = Faults::default();
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        });
    }
}

#[cfg(test)]
mod tests;
