//! `wasi:http`: requests over connections that the host keeps.

mod attempt;
mod body;
mod connect;
mod error;
mod handler;
mod idle;
mod prompt;
mod tls;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, Request, Response, Uri, uri};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::Handle;
use tokio::time::timeout;
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::Network;
use super::resolver::Resolver;
use crate::adapter::AdapterError;
use crate::adapter::budget::AdapterShare;
use crate::adapter::log::GuestLog;
use crate::config::network::{NetworkHost, NetworkPolicy, Refusal, Transport};
use attempt::{Attempt, Tried};
pub(super) use handler::add_to_linker;

use body::{Done, Outgoing, Received};
use idle::IdleConnections;

/// How long a connection may take to make, where the guest does not say.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// How long a request may wait for an answer, where the guest does not say: the deadline of its call comes first.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many connections wait for a request, to all servers of an adapter together, where its manifest does not say that
/// more of them wait at one.
const MOST_IDLE: usize = 64;

/// One end of a connection.
type Sender = SendRequest<Outgoing>;

/// `wasi:http` for one instance.
#[derive(Debug)]
pub(in crate::adapter) struct Requests(Arc<Network>);

impl Requests {
    pub(in crate::adapter) fn new(network: Arc<Network>) -> Self {
        Self(network)
    }
}

/// The response, and what drives it: nothing has to, for the connection is driven elsewhere.
type Sent = Result<(Response<WasiBody>, Driver), Error>;
type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Requests {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Driver,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let client = self.0.client.clone();
        let target = match client.target(&request) {
            Ok(target) => target,
            Err(error) => return Box::new(async { Err(error) }),
        };
        // On the thread where connections live. Dropping the answer ends the request.
        let reactor = client.0.reactor.clone();
        let sending = async move { client.send(target, request, options.unwrap_or_default()).await };
        let sending = AbortOnDropJoinHandle::from(reactor.spawn(sending));
        Box::new(async move {
            let response = sending.await?;
            Ok((response, Box::new(async { Ok(()) }) as Driver))
        })
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct RequestTarget {
    tls: bool,
    host: NetworkHost,
    port: u16,
}

impl RequestTarget {
    fn of(uri: &Uri) -> Option<Self> {
        let tls = *uri.scheme()? == uri::Scheme::HTTPS;
        let authority = uri.authority()?;
        let usual = if tls { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(usual);
        // The whole authority is sent along as the name of the host: it may hold no user name and no invalid port.
        let rest = authority.as_str().strip_prefix(authority.host())?;
        let is_plain = rest.is_empty() || authority.port_u16().is_some();
        Some(Self {
            tls,
            host: NetworkHost::parse(authority.host()).ok().filter(|_| is_plain)?,
            port,
        })
    }
}

impl fmt::Display for RequestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Makes the requests of one adapter; its instances share the connections.
#[derive(Clone, Debug)]
pub(super) struct Client(Arc<ClientState>);

struct ClientState {
    policy: Arc<NetworkPolicy>,
    /// How TLS is spoken, by the file of certificates that a grant names.
    tls: HashMap<Option<PathBuf>, Arc<rustls::ClientConfig>>,
    idle: IdleConnections,
    /// What counts a connection's descriptor.
    share: Arc<AdapterShare>,
    resolver: Resolver,
    reactor: Handle,
    log: GuestLog,
}

impl fmt::Debug for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Keeps so many unused connections to each server. Fails where a granted file of certificates cannot be used.
    pub(super) fn new(
        policy: Arc<NetworkPolicy>,
        idle: usize,
        share: Arc<AdapterShare>,
        reactor: Handle,
        log: GuestLog,
    ) -> Result<Self, AdapterError> {
        let mut configs = HashMap::new();
        if policy.is_audited() {
            configs.insert(None, tls::config(None)?);
        }
        for grant in policy.grants() {
            if grant.transport == Transport::Https && !configs.contains_key(&grant.ca) {
                configs.insert(grant.ca.clone(), tls::config(grant.ca.as_deref())?);
            }
        }
        Ok(Self(Arc::new(ClientState {
            policy,
            tls: configs,
            // Half of the descriptors at most, so that there is always one for a server that none leads to.
            idle: IdleConnections::new(
                idle,
                MOST_IDLE.max(idle).min(share.most_descriptors() / 2),
                reactor.clone(),
            ),
            share,
            resolver: Resolver::default(),
            reactor,
            log,
        })))
    }

    /// Where a request goes, if it may go there.
    fn target(&self, request: &Request<WasiBody>) -> Result<RequestTarget, Error> {
        let target = RequestTarget::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        // A tunnel would lead on to where the policy does not see.
        let decision = match *request.method() == Method::CONNECT {
            true => Err(Refusal {
                what: format!("a tunnel through {target}"),
                remedy: "no manifest allows CONNECT".to_owned(),
            }),
            false => self.0.policy.request(target.tls, &target.host, target.port),
        };
        decision.map(|()| target).map_err(|refusal| {
            self.0.log.refused(&refusal);
            Error::HttpRequestDenied
        })
    }

    /// Sends a request over a kept connection or a new one. Redirects are the guest's to follow.
    async fn send(
        self,
        target: RequestTarget,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let mut attempt = Attempt::new(in_origin_form(request)?);
        let first_byte = options.first_byte_timeout.unwrap_or(PATIENCE);
        while let Some(mut sender) = self.0.idle.take(&target) {
            match attempt.over(&mut sender, first_byte).await? {
                Tried::Answered(response) => return Ok(self.received(target, sender, response, &options).await),
                Tried::Again(again) => attempt = again,
            }
        }
        let mut sender = self.connect(&target, &options).await?;
        match attempt.over(&mut sender, first_byte).await? {
            Tried::Answered(response) => Ok(self.received(target, sender, response, &options).await),
            Tried::Again(_) => Err(Error::ConnectionTerminated),
        }
    }

    /// The response as the guest reads it. Its end gives the connection back.
    async fn received(
        self,
        target: RequestTarget,
        sender: Sender,
        (response, request): (Response<Incoming>, Done),
        options: &RequestOptions,
    ) -> Response<WasiBody> {
        let connection = body::Connection::new(self, target, sender, request);
        Received::wrap(response, connection, options.between_bytes_timeout.unwrap_or(PATIENCE)).await
    }

    async fn connect(&self, target: &RequestTarget, options: &RequestOptions) -> Result<Sender, Error> {
        let patience = options.connect_timeout.unwrap_or(CONNECT_PATIENCE);
        let connecting = connect::connect(&self.0, target, patience);
        timeout(patience, connecting)
            .await
            .map_err(|_elapsed| Error::ConnectionTimeout)?
    }
}

/// A request as servers read it: the path alone, the host in its header.
fn in_origin_form(mut request: Request<WasiBody>) -> Result<Request<WasiBody>, Error> {
    let path = request.uri().path_and_query().cloned();
    let path = path.unwrap_or_else(|| uri::PathAndQuery::from_static("/"));
    let uri = Uri::builder().path_and_query(path).build();
    *request.uri_mut() = uri.map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};

    use super::*;

    #[test]
    fn a_target_is_told_from_what_is_sent_along() {
        for (uri, expected) in [
            ("http://A.example./path?query", Some("http://a.example:80")),
            ("https://a.example", Some("https://a.example:443")),
            ("http://[::1]/", Some("http://[::1]:80")),
            ("http://[::ffff:10.0.0.1]:9000/", Some("http://10.0.0.1:9000")),
            ("http://user@a.example/", None),
            ("http://user:password@a.example:80/", None),
            ("http://a.example:99999/", None),
            ("http://127.1/", None),
            ("http://2130706433/", None),
            ("/path", None),
        ] {
            let target = uri.parse().ok().and_then(|uri| RequestTarget::of(&uri));
            assert_eq!(target.map(|target| target.to_string()).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn a_request_names_its_host_once() {
        for (uri, expected) in [
            ("http://a.example/path?query", "/path?query"),
            ("http://a.example?query", "/?query"),
            ("http://a.example", "/"),
        ] {
            let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let mut request = Request::new(empty);
            *request.uri_mut() = uri.parse().unwrap();
            assert_eq!(in_origin_form(request).unwrap().uri(), expected);
        }
    }
}
