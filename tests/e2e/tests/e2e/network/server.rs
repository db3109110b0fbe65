//! A server that counts, and that misbehaves where the path says so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Listens on a port of its own until it is dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    counts: Arc<Counts>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    requests: AtomicU64,
    received: AtomicU64,
}

impl Server {
    /// Speaks HTTP in the clear.
    pub(super) async fn http() -> Self {
        Self::start(None).await
    }

    /// Speaks HTTP in TLS.
    pub(super) async fn https(tls: TlsAcceptor) -> Self {
        Self::start(Some(tls)).await
    }

    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::<Counts>::default();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, tls, counts.clone()));
        Self {
            address,
            counts,
            _serving: serving,
        }
    }

    /// How many connections were made to it; a TLS handshake that failed counts.
    pub(super) fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many requests it has seen.
    pub(super) fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// How many bytes the bodies of requests had.
    pub(super) fn received(&self) -> u64 {
        self.counts.received.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // A response is written in pieces, and none is to wait for an acknowledgement.
        stream.set_nodelay(true).unwrap();
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, counts) = (tls.clone(), counts.clone());
        // How a connection ends is the client's to tell.
        connections.spawn(async move {
            let _ = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, &counts).await,
                    Err(error) => Err(error),
                },
                None => serve(stream, &counts).await,
            };
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, counts: &Counts) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        counts.requests.fetch_add(1, Ordering::SeqCst);
        let path = head.split(' ').nth(1).unwrap().to_owned();
        if path == "/early" {
            // Before the body has come.
            stream
                .write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
                .await?;
            stream.flush().await?;
        }
        let length = content_length(&head);
        let taken = tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await?;
        counts.received.fetch_add(taken, Ordering::SeqCst);
        if path != "/early" && !respond(&mut stream, &path).await? {
            return Ok(());
        }
    }
}

fn content_length(head: &str) -> u64 {
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |length| length.parse().unwrap())
}

/// Whether another request may come.
async fn respond(stream: &mut (impl AsyncWrite + Unpin), path: &str) -> io::Result<bool> {
    let (what, argument) = path.trim_start_matches('/').split_once('/').unwrap_or((&path[1..], ""));
    match what {
        "bytes" => {
            let bytes: u64 = argument.parse().unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            tokio::io::copy(&mut tokio::io::repeat(b'x').take(bytes), stream).await?;
        }
        "chunked" => {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
            stream.write_all(head).await?;
        }
        "nothing" => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?,
        "redirect" => {
            let head =
                format!("HTTP/1.1 302 Found\r\nlocation: http://{argument}/bytes/1\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
        }
        "close" => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            stream.write_all(head).await?;
            return Ok(false);
        }
        // Says nothing of it, and closes all the same.
        "hang-up" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await?;
            return Ok(false);
        }
        "cut" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
                .await?;
            return Ok(false);
        }
        "long-head" => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
                "x".repeat(1 << 20)
            );
            stream.write_all(head.as_bytes()).await?;
        }
        "nonsense" => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await?,
        "slow-head" => std::future::pending().await,
        "slow-body" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nslow")
                .await?;
            stream.flush().await?;
            std::future::pending().await
        }
        other => panic!("{other} is no path"),
    }
    stream.flush().await?;
    Ok(true)
}
