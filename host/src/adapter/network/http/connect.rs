use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::client::conn::http1;
use hyper::rt;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::io::TokioIo;

use super::prompt::Prompt;
use super::{ClientState, RequestTarget, Sender, error};
use crate::adapter::budget::HeldDescriptors;
use crate::adapter::limits::MAX_HEADERS;
use crate::adapter::log::Level;
use crate::config::network::NetworkHost;

/// For how long an address is waited for before the next one is tried beside it, as RFC 8305 has it.
const STAGGER: Duration = Duration::from_millis(250);

/// A new connection, over TCP or TLS, to an address that the policy allows.
pub(super) async fn connect(client: &ClientState, target: &RequestTarget, patience: Duration) -> Result<Sender, Error> {
    let Some(held) = client.share.hold() else {
        // One that nobody uses makes place for the next try.
        client.idle.let_one_go();
        return Err(Error::ConnectionLimitReached);
    };
    let (stream, held) = dial(client, target, held, patience).await?;
    if !target.tls {
        return speak(client, stream, held).await;
    }
    let refused = |error: io::Error| {
        let message = format!("no TLS with {target}: {error}");
        client.log.line(Level::Warn, "network", &message);
        error::of_tls(&error)
    };
    let connector = tls(client, target)?;
    let name = server_name(&target.host)?;
    let stream = connector.connect(name, stream).await.map_err(refused)?;
    speak(client, stream, held).await
}

/// The first address that answers, with its descriptor.
async fn dial(
    client: &ClientState,
    target: &RequestTarget,
    held: HeldDescriptors,
    patience: Duration,
) -> Result<(Prompt, HeldDescriptors), Error> {
    let addresses = addresses(client, target).await?;
    let addresses = addresses.into_iter().map(|address| (address, target.port).into());
    let connecting = first_to_answer(
        addresses,
        held,
        || client.share.hold(),
        TcpStream::connect::<SocketAddr>,
    );
    let (stream, held) = timeout(patience, connecting)
        .await
        .map_err(|_elapsed| Error::ConnectionTimeout)??;
    // Requests are written whole: there is nothing to wait for.
    stream.set_nodelay(true).map_err(|error| error::of_connect(&error))?;
    Ok((Prompt(stream), held))
}

/// Connects to one address after the other, without waiting for the end of the one before for longer than [`STAGGER`].
/// Each that is tried beside another takes a descriptor more, as long as `hold` has one.
async fn first_to_answer<Stream, Held, Connecting>(
    addresses: impl Iterator<Item = SocketAddr>,
    held: Held,
    hold: impl Fn() -> Option<Held>,
    connect: impl Fn(SocketAddr) -> Connecting,
) -> Result<(Stream, Held), Error>
where
    Connecting: Future<Output = io::Result<Stream>>,
{
    let mut addresses = addresses.peekable();
    let mut free = Some(held);
    let mut trying = FuturesUnordered::new();
    let mut last = Error::HttpRequestDenied;
    loop {
        if addresses.peek().is_some()
            && let Some(held) = free.take().or_else(&hold)
            && let Some(address) = addresses.next()
        {
            let connecting = connect(address);
            trying.push(async move { (connecting.await, held) });
        }
        tokio::select! {
            biased;
            tried = trying.next() => match tried {
                Some((Ok(stream), held)) => return Ok((stream, held)),
                Some((Err(error), held)) => {
                    last = error::of_connect(&error);
                    free = Some(held);
                }
                None => return Err(last),
            },
            () = sleep(STAGGER), if addresses.peek().is_some() => {}
        }
    }
}

/// The addresses of a host that the policy allows. They are looked up for this one connection, checked, and dialled as
/// they are: nobody looks the name up again in between.
async fn addresses(client: &ClientState, target: &RequestTarget) -> Result<Vec<IpAddr>, Error> {
    let name = match &target.host {
        // The policy was asked about it already.
        NetworkHost::Address(address) => return Ok(vec![*address]),
        NetworkHost::Name(name) => name,
    };
    let found = client.resolver.addresses(name).await.ok_or(Error::DnsError {
        rcode: None,
        info_code: None,
    })?;
    let allowed = |address: &IpAddr| {
        let decision = client.policy.dial(target.tls, &target.host, target.port, *address);
        decision.inspect_err(|refusal| client.log.refused(refusal)).is_ok()
    };
    Ok(found.into_iter().filter(allowed).collect())
}

fn tls(client: &ClientState, target: &RequestTarget) -> Result<TlsConnector, Error> {
    let certificates = client.policy.certificates(&target.host, target.port);
    let config = client.tls.get(&certificates).ok_or(Error::ConfigurationError)?;
    Ok(TlsConnector::from(Arc::clone(config)))
}

fn server_name(host: &NetworkHost) -> Result<ServerName<'static>, Error> {
    match host {
        NetworkHost::Address(address) => Ok((*address).into()),
        NetworkHost::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid),
    }
}

/// Speaks HTTP/1.1 on a stream; a task of the network thread drives it until either side ends it. Its descriptor is
/// held until then.
async fn speak<S>(client: &ClientState, stream: S, held: HeldDescriptors) -> Result<Sender, Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    TokioIo<S>: rt::Read + rt::Write,
{
    let mut builder = http1::Builder::new();
    builder.max_header_size(MAX_HEADERS);
    let (sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error::of_hyper(&error))?;
    client.reactor.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended: {error}");
        }
        drop(held);
    });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    /// How an address behaves, by its last number.
    async fn address(address: SocketAddr) -> io::Result<u16> {
        match address.port() {
            1 => pending().await,
            2 => Err(io::ErrorKind::ConnectionRefused.into()),
            slow @ 3..10 => {
                sleep(STAGGER * u32::from(slow)).await;
                Ok(slow)
            }
            there => Ok(there),
        }
    }

    async fn first(ports: &[u16], descriptors: usize) -> (Result<u16, Error>, Duration) {
        let addresses = ports.iter().map(|port| ([192, 0, 2, 1], *port).into());
        let left = Cell::new(descriptors - 1);
        let hold = || left.get().checked_sub(1).map(|less| left.set(less));
        let began = Instant::now();
        let connecting = first_to_answer(addresses, (), hold, address);
        let first = timeout(STAGGER * 20, connecting).await;
        let first = first.map_or(Err(Error::ConnectionTimeout), |first| first.map(|(port, ())| port));
        (first, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_silent_holds_the_others_up_for_a_moment() {
        let (found, took) = first(&[1, 1, 80], 10).await;
        assert_eq!(found.unwrap(), 80);
        assert!(took < STAGGER * 3, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refuses_holds_up_nobody() {
        let (found, took) = first(&[2, 2, 2, 80], 1).await;
        assert_eq!(found.unwrap(), 80);
        assert!(took < STAGGER, "{took:?}");
        let (none, _) = first(&[2, 2], 10).await;
        assert!(matches!(none, Err(Error::ConnectionRefused)), "{none:?}");
        let (none, _) = first(&[], 10).await;
        assert!(matches!(none, Err(Error::HttpRequestDenied)), "{none:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_slow_is_not_given_up_for_another_that_is_silent() {
        let (found, _) = first(&[3, 1, 1], 10).await;
        assert_eq!(found.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_tried_at_a_time_than_there_are_descriptors() {
        let (found, _) = first(&[1, 1, 80], 2).await;
        assert!(matches!(found, Err(Error::ConnectionTimeout)), "{found:?}");
        let (found, _) = first(&[1, 2, 80], 2).await;
        assert_eq!(found.unwrap(), 80);
    }
}
