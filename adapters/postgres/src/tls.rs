//! The client's way to rustls.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use mirrorbox_adapter::sockets::tls::{TlsClient, end_point_hash, explain};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_rustls::{TlsConnector, client};

/// Makes a connection a TLS one.
pub(crate) struct Tls {
    pub(crate) client: TlsClient,
    pub(crate) host: String,
}

impl TlsConnect<TcpStream> for Tls {
    type Stream = TlsSocket;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsSocket>> + Send>>;

    fn connect(self, socket: TcpStream) -> Self::Future {
        Box::pin(async move {
            let name = self.client.server_name(&self.host)?;
            let connecting = TlsConnector::from(self.client.config).connect(name, socket);
            connecting.await.map(TlsSocket).map_err(explain)
        })
    }
}

/// A TLS connection.
pub(crate) struct TlsSocket(client::TlsStream<TcpStream>);

impl TlsStream for TlsSocket {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        match certificate.and_then(|certificate| end_point_hash(certificate)) {
            Some(hash) => ChannelBinding::tls_server_end_point(hash),
            None => ChannelBinding::none(),
        }
    }
}

impl AsyncRead for TlsSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A server that wants a client certificate says so after the handshake, in TLS 1.3.
        Pin::new(&mut self.0).poll_read(cx, into).map_err(explain)
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
