//! One connection to one server: commands go out without being copied, values come back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use redis::{Parser, RedisError, Value};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::failure::Failure;
use crate::settings::{Node, Options};

/// So much is gathered before it is written, which is more than a batch usually has; a longer argument is written from
/// where it lies.
///
/// A guest cannot switch off Nagle's algorithm, which keeps the end of what comes in several writes until the other side
/// has said that the beginning has arrived: 40 ms, if it waits for the rest to answer both at once. What is written at
/// once goes out at once.
const TOGETHER: usize = 2 << 20;

/// How long the other side may keep silent while TLS is agreed upon.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection that is authenticated and has its database selected.
pub(crate) struct Connection {
    pub(crate) node: Node,
    socket: Socket,
    /// What is gathered, for the next command too.
    gathered: Vec<u8>,
    parser: Parser,
}

impl Connection {
    pub(crate) fn open(node: &Node, options: &Options) -> Result<Self, Failure> {
        let socket = Socket::connect(node, options.tls.clone()).map_err(|error| Failure::Lost(node.clone(), error))?;
        let mut connection = Self {
            node: node.clone(),
            socket,
            gathered: Vec::new(),
            parser: Parser::new(),
        };
        if let Some(password) = &options.password {
            let mut auth = vec![b"AUTH".as_slice()];
            auth.extend(options.username.as_deref().map(str::as_bytes));
            auth.push(password.as_bytes());
            connection.call(&auth)?;
        }
        if options.database != 0 {
            connection.call(&[b"SELECT", options.database.to_string().as_bytes()])?;
        }
        Ok(connection)
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
            .map_err(|error| Failure::Refused(self.node.clone(), error))
    }
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

/// The parser tells an end of the stream as a parse error.
fn broken(error: &RedisError) -> io::Error {
    let source = std::error::Error::source(error);
    match source.and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(source) => io::Error::new(source.kind(), source.to_string()),
        None => io::Error::new(ErrorKind::ConnectionAborted, error.to_string()),
    }
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    fn connect(node: &Node, tls: Option<Arc<ClientConfig>>) -> io::Result<Self> {
        let tcp = TcpStream::connect((node.host.as_str(), node.port))?;
        // Not every host lets a guest choose; then an answer may take a little longer.
        let _ = tcp.set_nodelay(true);
        let Some(config) = tls else {
            return Ok(Self::Plain(tcp));
        };
        let name = ServerName::try_from(node.host.clone()).map_err(io::Error::other)?;
        let client = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(client, tcp);
        // A port without TLS waits for the rest of a command that it does not understand.
        stream.sock.set_read_timeout(Some(HANDSHAKE))?;
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        stream.sock.set_read_timeout(None)?;
        Ok(Self::Tls(Box::new(stream)))
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Tls(socket) => socket.read(into),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(socket) => socket.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is written to, a write at a time.
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
    fn what_is_long_is_not_copied() {
        let payload = vec![b'x'; TOGETHER];
        let written = written(&[&[b"SET", b"a", &payload, b"NX"]]);
        assert_eq!(written.len(), 3);
        assert_eq!(written[1], payload);
        assert_eq!(written[2], b"\r\n$2\r\nNX\r\n");
    }
}
