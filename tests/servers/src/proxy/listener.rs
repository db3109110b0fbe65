use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::{Control, link};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 128;

/// A port that takes connections or refuses them, and belongs to nobody else meanwhile.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    port: Port,
}

#[derive(Debug)]
enum Port {
    Open(TcpListener),
    /// Bound without listening: the system refuses connections.
    Refusing(TcpSocket),
    Changing,
}

impl Listener {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = bound(address)?.listen(BACKLOG)?;
        Ok(Self {
            address: listener.local_addr()?,
            port: Port::Open(listener),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts and forwards for ever; ends only where the system takes the port away.
    pub(super) async fn run(mut self, target: SocketAddr, control: Control) {
        let mut links = JoinSet::new();
        let mut faults = control.faults.subscribe();
        loop {
            let refuse = faults.borrow_and_update().refuse;
            if self.turn(refuse).is_err() {
                return;
            }
            tokio::select! {
                accepted = self.accept() => if let Ok(client) = accepted {
                    control.count(|counts| {
                        counts.connections += 1;
                        counts.open += 1;
                    });
                    links.spawn(link::forward(client, target, control.clone()));
                },
                Some(_) = links.join_next() => {}
                changed = faults.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        match &self.port {
            Port::Open(listener) => Ok(listener.accept().await?.0),
            Port::Refusing(_) | Port::Changing => std::future::pending().await,
        }
    }

    fn turn(&mut self, refuse: bool) -> io::Result<()> {
        self.port = match std::mem::replace(&mut self.port, Port::Changing) {
            Port::Open(listener) if refuse => {
                drop(listener);
                Port::Refusing(bound(self.address)?)
            }
            Port::Refusing(socket) if !refuse => Port::Open(socket.listen(BACKLOG)?),
            as_it_was => as_it_was,
        };
        Ok(())
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
