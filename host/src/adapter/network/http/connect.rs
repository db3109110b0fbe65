use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper::rt;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::io::TokioIo;

use super::prompt::Prompt;
use super::{Sender, Shared, Target, error};
use crate::adapter::budget::HeldDescriptors;
use crate::adapter::limits::MAX_HEADERS;
use crate::adapter::log::Level;
use crate::config::network::Host;

/// A new connection, over TCP or TLS, to an address that the policy allows.
pub(super) async fn connect(client: &Shared, target: &Target, patience: Duration) -> Result<Sender, Error> {
    let Some(held) = client.share.hold() else {
        // One that nobody uses makes place for the next try.
        client.idle.let_one_go();
        return Err(Error::ConnectionLimitReached);
    };
    let stream = dial(client, target, patience).await?;
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

/// The first address that answers, each within its share of the time.
async fn dial(client: &Shared, target: &Target, patience: Duration) -> Result<Prompt, Error> {
    let addresses = addresses(client, target).await?;
    let share = u32::try_from(addresses.len()).map_or(patience, |addresses| patience / addresses.max(1));
    let mut last = Error::HttpRequestDenied;
    for address in addresses {
        match timeout(share, TcpStream::connect((address, target.port))).await {
            Ok(Ok(stream)) => {
                // Requests are written whole: there is nothing to wait for.
                stream.set_nodelay(true).map_err(|error| error::of_connect(&error))?;
                return Ok(Prompt(stream));
            }
            Ok(Err(error)) => last = error::of_connect(&error),
            Err(_elapsed) => last = Error::ConnectionTimeout,
        }
    }
    Err(last)
}

/// The addresses of a host that the policy allows. They are looked up for this one connection, checked, and dialled as
/// they are: nobody looks the name up again in between.
async fn addresses(client: &Shared, target: &Target) -> Result<Vec<IpAddr>, Error> {
    let name = match &target.host {
        // The policy was asked about it already.
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => name,
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

fn tls(client: &Shared, target: &Target) -> Result<TlsConnector, Error> {
    let certificates = client.policy.certificates(&target.host, target.port);
    let config = client.tls.get(&certificates).ok_or(Error::ConfigurationError)?;
    Ok(TlsConnector::from(Arc::clone(config)))
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Address(address) => Ok((*address).into()),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid),
    }
}

/// Speaks HTTP/1.1 on a stream; a task of the network thread drives it until either side ends it. Its descriptor is
/// held until then.
async fn speak<S>(client: &Shared, stream: S, held: HeldDescriptors) -> Result<Sender, Error>
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
