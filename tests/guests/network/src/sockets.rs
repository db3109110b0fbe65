use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

/// The connection that is kept.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    kept: Option<BufReader<TcpStream>>,
}

impl Sockets {
    pub(crate) fn connect(&mut self, address: &str) -> io::Result<String> {
        self.kept = Some(BufReader::new(TcpStream::connect(address)?));
        Ok("connected".to_owned())
    }

    pub(crate) fn say(&mut self, word: &str) -> io::Result<String> {
        let kept = self.kept.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        writeln!(kept.get_mut(), "{word}")?;
        let mut line = String::new();
        kept.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    pub(crate) fn lookup(name: &str) -> io::Result<String> {
        let addresses = (name, 0).to_socket_addrs()?;
        let addresses: Vec<_> = addresses.map(|address| address.ip().to_string()).collect();
        Ok(addresses.join(" "))
    }

    pub(crate) fn send_datagram(address: &str) -> io::Result<String> {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.send_to(b"datagram", address)?;
        Ok("sent".to_owned())
    }

    pub(crate) fn listen() -> io::Result<String> {
        let listener = TcpListener::bind(("0.0.0.0", 0))?;
        Ok(listener.local_addr()?.to_string())
    }
}
