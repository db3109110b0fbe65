use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection that says at once what has arrived.
///
/// Some servers write an answer's head and its body one after the other and leave Nagle's algorithm on: the body is
/// kept back until the head is acknowledged. A peer with nothing to send acknowledges after 40 ms.
#[derive(Debug)]
pub(super) struct Prompt(pub(super) TcpStream);

impl Prompt {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn acknowledge(&self) {
        // Not for long: the system goes back to waiting by itself. If it will not have it, answers take longer.
        let _ = self.0.set_quickack(true);
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn acknowledge(&self) {}
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, into);
        if matches!(read, Poll::Ready(Ok(()))) {
            self.acknowledge();
        }
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const ANSWERS: usize = 50;

    /// A server that leaves Nagle's algorithm on, and writes each answer in so many pieces.
    fn server(pieces: usize) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for _ in 0..ANSWERS {
                stream.read_exact(&mut [0]).unwrap();
                for piece in b"answer".chunks(6 / pieces) {
                    stream.write_all(piece).unwrap();
                }
            }
        });
        (address, serving)
    }

    /// How long all answers take.
    async fn answers(pieces: usize) -> Duration {
        let (address, serving) = server(pieces);
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut stream = Prompt(stream);
        let start = Instant::now();
        for _ in 0..ANSWERS {
            stream.write_all(b"?").await.unwrap();
            stream.read_exact(&mut [0; 6]).await.unwrap();
        }
        let took = start.elapsed();
        serving.join().unwrap();
        took
    }

    /// 40 ms for each answer would be hundreds of times as long.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_in_pieces_takes_hardly_longer() {
        let (whole, pieces) = (answers(1).await, answers(3).await);
        assert!(pieces < whole * 50, "{pieces:?} in pieces, {whole:?} whole");
    }
}
