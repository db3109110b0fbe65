//! One connection to one server: commands go out without being copied, values come back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorbox_adapter::sockets::{self, tls};
use redis::{Parser, RedisError, Value};
use rustls::{ClientConnection, StreamOwned};

use crate::failure::Failure;
use crate::settings::{Login, Node, Options, Topology};

/// So much is gathered before it is written, which is more than a batch usually has; a longer argument is written from
/// where it lies.
///
/// A guest cannot switch off Nagle's algorithm, which keeps the end of what comes in several writes until the other
/// side has said that the beginning has arrived: 40 ms, if it waits for the rest to answer both at once. What is
/// written at once goes out at once.
const TOGETHER: usize = 2 << 20;

/// How long the other side may keep silent while it lets us in: a busy server takes its time, but the host must be told
/// before its own patience with a call ends.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// How old what is known of a connection may be, before anything more is entrusted to it. Firewalls and load balancers
/// forget quiet connections without telling either end, and a server that became a replica goes on answering: so it is
/// asked whether it is there and is the primary, which costs a round trip.
const RESTED: Duration = Duration::from_secs(2);

/// How long the answer may take. A server that is slower gets a new connection, which does no harm.
const ANSWER: Duration = Duration::from_millis(1_500);

/// The same for TLS: a port without it waits for the rest of a command that it does not understand.
const TLS_HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection that is authenticated and has its database selected.
pub(crate) struct Connection {
    pub(crate) node: Node,
    socket: Socket,
    /// Whether only a primary will do. A node of a cluster redirects, and a server may keep its role to itself.
    asks_role: bool,
    checked: Instant,
    /// What is gathered, for the next command too.
    gathered: Vec<u8>,
    parser: Parser,
}

impl Connection {
    /// To a server that keeps data, which must be a primary.
    pub(crate) fn open(node: &Node, options: &Options) -> Result<Self, Failure> {
        let mut connection = Self::connect(node, options)?;
        connection.log_in(&options.login)?;
        if options.database != 0 {
            connection.call(&[b"SELECT", options.database.to_string().as_bytes()])?;
        }
        connection.asks_role = options.topology != Topology::Cluster;
        connection.check()?;
        connection.wait_at_most(None)?;
        Ok(connection)
    }

    /// To a Sentinel, whose answers all come at once.
    pub(crate) fn to_sentinel(node: &Node, options: &Options, login: &Login) -> Result<Self, Failure> {
        let mut connection = Self::connect(node, options)?;
        connection.log_in(login)?;
        Ok(connection)
    }

    fn connect(node: &Node, options: &Options) -> Result<Self, Failure> {
        let socket = Socket::connect(node, options).map_err(|error| Failure::Lost(node.clone(), error))?;
        let mut connection = Self {
            node: node.clone(),
            socket,
            asks_role: false,
            checked: Instant::now(),
            gathered: Vec::new(),
            parser: Parser::new(),
        };
        connection.wait_at_most(Some(HANDSHAKE))?;
        Ok(connection)
    }

    fn log_in(&mut self, login: &Login) -> Result<(), Failure> {
        let mut auth = vec![b"AUTH".as_slice()];
        auth.extend(login.username.as_deref().map(str::as_bytes));
        match &login.password {
            Some(password) => auth.push(password.as_bytes()),
            // A user without a password (`nopass`) takes any.
            None if login.username.is_some() => auth.push(b""),
            None => return Ok(()),
        }
        self.call(&auth).map(drop).map_err(|failure| match failure {
            Failure::Refused(node, said) => Failure::Login(node, said, login.hint),
            failure => failure,
        })
    }

    /// Whether the other side is there, and is the primary if it must be: asked, where that was not known just now.
    pub(crate) fn is_alive(&mut self) -> bool {
        if self.checked.elapsed() < RESTED {
            return true;
        }
        let asked = self
            .wait_at_most(Some(ANSWER))
            .and_then(|()| self.check())
            .and_then(|()| self.wait_at_most(None));
        // Why not does not matter: a new connection tells what is wrong, if anything is.
        asked.is_ok()
    }

    fn check(&mut self) -> Result<(), Failure> {
        if self.asks_role {
            match self.call(&[b"INFO", b"replication"]) {
                Ok(info) if is_of_replica(&info) => return Err(Failure::Replica(self.node.clone())),
                Ok(_) => {}
                Err(failure) if failure.is_forbidden() => self.asks_role = false,
                Err(failure) => return Err(failure),
            }
        } else {
            match self.call(&[b"PING"]) {
                // A server that refuses is there.
                Ok(_) | Err(Failure::Refused(..)) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.checked = Instant::now();
        Ok(())
    }

    fn wait_at_most(&mut self, time: Option<Duration>) -> Result<(), Failure> {
        let set = self.socket.tcp().set_read_timeout(time);
        set.map_err(|error| Failure::Lost(self.node.clone(), error))
    }

    /// Sends a command and waits for what it gives.
    pub(crate) fn call(&mut self, command: &[&[u8]]) -> Result<Value, Failure> {
        self.send(&[command])?;
        self.receive()
    }

    /// Sends commands together; of their values, the first error is the answer.
    pub(crate) fn call_all(&mut self, commands: &[Vec<&[u8]>]) -> Result<Vec<Value>, Failure> {
        let slices: Vec<_> = commands.iter().map(Vec::as_slice).collect();
        self.send(&slices)?;
        let answers: Vec<_> = commands.iter().map(|_| self.receive()).collect();
        answers.into_iter().collect()
    }

    fn send(&mut self, commands: &[&[&[u8]]]) -> Result<(), Failure> {
        self.gathered.clear();
        let sent = write(&mut self.socket, &mut self.gathered, commands);
        sent.map_err(|error| Failure::Lost(self.node.clone(), error))
    }

    fn receive(&mut self) -> Result<Value, Failure> {
        let value = self.parser.parse_value(&mut self.socket);
        let value = value.map_err(|error| Failure::Lost(self.node.clone(), broken(&error)))?;
        value
            .extract_error()
            .map_err(|error| Failure::Refused(self.node.clone(), error.into()))
    }
}

fn is_of_replica(info: &Value) -> bool {
    matches!(info, Value::BulkString(text) if String::from_utf8_lossy(text).contains("role:slave"))
}

/// Writes commands, in as few writes as [`TOGETHER`] allows.
fn write(to: &mut impl Write, gathered: &mut Vec<u8>, commands: &[&[&[u8]]]) -> io::Result<()> {
    for command in commands {
        write!(gathered, "*{}\r\n", command.len())?;
        for argument in *command {
            write!(gathered, "${}\r\n", argument.len())?;
            if gathered.len() + argument.len() <= TOGETHER {
                gathered.extend_from_slice(argument);
            } else {
                to.write_all(gathered)?;
                gathered.clear();
                to.write_all(argument)?;
            }
            gathered.extend_from_slice(b"\r\n");
        }
    }
    to.write_all(gathered)?;
    to.flush()
}

/// The parser tells an end of the stream as a parse error, and what a socket said within a shared error.
fn broken(error: &RedisError) -> io::Error {
    let shared = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Arc<Shared>>());
    match shared.and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(source) => io::Error::new(source.kind(), source.to_string()),
        None => io::Error::new(ErrorKind::ConnectionAborted, error.to_string()),
    }
}

type Shared = dyn std::error::Error + Send + Sync;

enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    fn connect(node: &Node, options: &Options) -> io::Result<Self> {
        let tcp = sockets::connect(node, options.patience)?;
        // Not every host lets a guest choose; then an answer may take a little longer.
        let _ = tcp.set_nodelay(true);
        let Some(client) = &options.tls else {
            return Ok(Self::Plain(tcp));
        };
        let name = client.server_name(&node.host)?;
        let connection = ClientConnection::new(client.config.clone(), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, tcp);
        stream.sock.set_read_timeout(Some(TLS_HANDSHAKE))?;
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(tls::explain)?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(socket) => &socket.sock,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            // A server that wants a client certificate says so after the handshake, in TLS 1.3.
            Self::Tls(socket) => socket.read(into).map_err(tls::explain),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(socket) => socket.write(bytes).map_err(tls::explain),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(socket) => socket.flush().map_err(tls::explain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps each write by itself.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(commands: &[&[&[u8]]]) -> Vec<Vec<u8>> {
        let mut writes = Writes::default();
        write(&mut writes, &mut Vec::new(), commands).unwrap();
        writes.0
    }

    #[test]
    fn commands_go_out_in_one_write() {
        let payload = vec![b'x'; 64 << 10];
        let [written] = &written(&[&[b"SET", b"a", &payload], &[b"PING"]])[..] else {
            panic!("several writes");
        };
        let begin = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$65536\r\nxx";
        assert!(written.starts_with(begin) && written.ends_with(b"xx\r\n*1\r\n$4\r\nPING\r\n"));
    }

    #[test]
    fn what_a_socket_said_is_not_lost_in_the_parser() {
        struct Silent;
        impl Read for Silent {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(ErrorKind::InvalidData, "a certificate"))
            }
        }
        let error = broken(&Parser::new().parse_value(Silent).unwrap_err());
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::InvalidData, "a certificate")
        );
    }

    #[test]
    fn what_is_long_is_not_copied() {
        let payload = vec![b'x'; TOGETHER];
        let written = written(&[&[b"SET", b"a", &payload, b"NX"]]);
        assert_eq!(written.len(), 3);
        assert_eq!(written[1], payload);
        assert_eq!(written[2], b"\r\n$2\r\nNX\r\n");
    }
}
