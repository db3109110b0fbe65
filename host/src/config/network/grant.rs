//! One entry of `grants.network`: transport, host and port, and whether the host may have private addresses.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::{HostPattern, NetworkHost, NetworkHostError, Special};
use crate::config::SourceLocation;
use crate::config::text::{toml_path, toml_text};

/// How an adapter reaches out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A request through `wasi:http`, in the clear.
    Http,
    /// A request through `wasi:http`, in TLS that the host speaks.
    Https,
    /// A TCP connection of `wasi:sockets`, whatever is spoken on it.
    Tcp,
}

impl Transport {
    /// A scheme that grants this, for messages.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
        }
    }
}

/// The schemes that a grant may begin with: what each allows, and the port that it means.
const SCHEMES: &[(&str, Transport, Option<u16>)] = &[
    ("http", Transport::Http, Some(80)),
    ("https", Transport::Https, Some(443)),
    ("redis", Transport::Tcp, Some(6379)),
    ("rediss", Transport::Tcp, Some(6379)),
    ("postgres", Transport::Tcp, Some(5432)),
    ("postgresql", Transport::Tcp, Some(5432)),
    ("tcp", Transport::Tcp, None),
    ("tls", Transport::Tcp, None),
];

/// An entry of `grants.network`: `"scheme://host:port"`, or a table with more to say.
///
/// ```toml
/// network = [
///     "https://s3.eu-central-1.amazonaws.com",
///     "https://*.example.com:8443",
///     "tcp://10.0.0.0/8:6379",
///     "http://[::1]:9000",
///     { to = "redis://redis.internal", private = true },
///     { to = "https://minio.internal:9000", private = true, ca = "ca.pem" },
/// ]
/// ```
///
/// `http` and `https` allow requests through `wasi:http` and nothing else; every other scheme allows TCP connections.
/// An address that is written down is granted as such. A name is granted for the public addresses that it leads to;
/// `private` adds those of this machine and of private networks, never those of a cloud's metadata server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkGrant {
    /// How.
    pub transport: Transport,
    /// Where.
    pub host: HostPattern,
    /// At which port.
    pub port: u16,
    /// Whether names may lead to private addresses.
    pub private: bool,
    /// A file with certificates (PEM) that sign the server's, besides those that the system trusts.
    pub ca: Option<PathBuf>,
    /// The entry as it was written.
    written: String,
    /// Where it stands in the manifest's text, and then in which line.
    span: Range<usize>,
    place: Option<SourceLocation>,
}

/// Why a text is no network grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// There is no `scheme://`.
    #[error("{0:?} has no scheme; write \"https://host\", \"redis://host\" or \"tcp://host:port\"")]
    NoScheme(String),
    /// The scheme stands for nothing here.
    #[error("{0:?} is not one of the schemes http, https, redis, rediss, postgres, postgresql, tcp, tls")]
    Scheme(String),
    /// More than a host and a port.
    #[error("{0:?} names more than a host and a port; leave out user, password, path and query")]
    Trailing(String),
    /// The host is not valid.
    #[error(transparent)]
    NetworkHost(#[from] NetworkHostError),
    /// The port is no number from 1 to 65535.
    #[error("{0:?} is no port from 1 to 65535")]
    Port(String),
    /// The scheme means no port and none is given.
    #[error("{0}:// means no port of its own; write \"{0}://host:port\"")]
    NoPort(String),
    /// `private` with an address.
    #[error("private = true is for names; an address is granted as it is written")]
    PrivateAddress,
    /// `ca` where the host speaks no TLS.
    #[error("ca is for https; an adapter that speaks TLS itself gets its certificates through its settings")]
    CaWithoutTls,
}

impl NetworkGrant {
    /// Reads `scheme://host:port`.
    pub fn parse(text: &str) -> Result<Self, GrantError> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| GrantError::NoScheme(without_user(text)))?;
        let lower = scheme.to_ascii_lowercase();
        let (_, transport, usual) = SCHEMES
            .iter()
            .find(|(known, ..)| *known == lower)
            .ok_or_else(|| GrantError::Scheme(scheme.to_owned()))?;
        // Behind a slash there is the length of a range, or something that no grant can tell apart.
        let is_range = rest.split_once('/').is_some_and(|(address, _)| is_address(address));
        if rest.contains(['@', '?', '#', '\\']) || (rest.contains('/') && !is_range) {
            return Err(GrantError::Trailing(without_user(text)));
        }
        let (host, port) = host_and_port(rest);
        let port = match port {
            Some(port) => port_number(port)?,
            None => usual.ok_or_else(|| GrantError::NoPort(lower))?,
        };
        Ok(Self {
            transport: *transport,
            host: HostPattern::parse(host)?,
            port,
            private: false,
            ca: None,
            written: text.to_owned(),
            span: 0..0,
            place: None,
        })
    }

    /// The grant for just this.
    pub(super) fn of(transport: Transport, host: &NetworkHost, port: u16) -> Self {
        Self {
            transport,
            host: HostPattern::NetworkHost(host.clone()),
            port,
            private: false,
            ca: None,
            written: format!("{}://{host}:{port}", transport.scheme()),
            span: 0..0,
            place: None,
        }
    }

    /// Whether two are for the same hosts, reached alike.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        (self.transport, &self.host, self.port) == (other.transport, &other.host, other.port)
    }

    /// As it stands among others in a manifest: text, or a table where there is more to say.
    pub fn entry(&self) -> String {
        self.entry_below(None)
    }

    /// The same, with paths relative to a folder where they lie below it.
    pub(in crate::config) fn entry_below(&self, base: Option<&Path>) -> String {
        let to = toml_text(&self.written);
        let private = if self.private { ", private = true" } else { "" };
        match &self.ca {
            Some(ca) => format!("{{ to = {to}{private}, ca = {} }}", toml_path(ca, base)),
            None if self.private => format!("{{ to = {to}{private} }}"),
            None => to,
        }
    }

    /// Whether the grant is for this host at this port, reached like this.
    pub(super) fn covers(&self, transport: Transport, host: &NetworkHost, port: u16) -> bool {
        self.transport == transport && self.port == port && self.host.matches(host)
    }

    /// Whether it covers an address that is special in this way, when `host` leads there.
    pub(super) fn admits(&self, special: Special) -> bool {
        self.host.means(special) || (self.private && special.is_private())
    }

    /// The line of the manifest; none for a grant that was not read from a manifest.
    pub fn place(&self) -> Option<&SourceLocation> {
        self.place.as_ref()
    }

    /// Notes the line in the manifest's text, and lets a relative path begin where the manifest lies.
    pub(in crate::config) fn locate(&mut self, path: &Path, content: &str) {
        self.place = Some(SourceLocation::span(path, content, Some(self.span.clone())));
        if let (Some(base), Some(ca)) = (path.parent(), &mut self.ca) {
            *ca = base.join(&*ca);
        }
    }
}

/// As it was written.
impl fmt::Display for NetworkGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The port is what stands behind the last colon, unless that belongs to an IPv6 address.
fn host_and_port(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    }
}

fn port_number(text: &str) -> Result<u16, GrantError> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| *port != 0 && is_decimal);
    port.ok_or_else(|| GrantError::Port(text.to_owned()))
}

fn is_address(text: &str) -> bool {
    matches!(NetworkHost::parse(text), Ok(NetworkHost::Address(_)))
}

/// A grant without what may be a password.
fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

impl<'de> Deserialize<'de> for NetworkGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written: Spanned<WrittenGrant> = Spanned::deserialize(deserializer)?;
        let span = written.span();
        Ok(Self {
            span,
            ..written.into_inner().0
        })
    }
}

/// An entry as it stands in a manifest, either way.
struct WrittenGrant(NetworkGrant);

/// An entry with more to say than where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    to: String,
    #[serde(default)]
    private: bool,
    ca: Option<PathBuf>,
}

impl TryFrom<Table> for NetworkGrant {
    type Error = GrantError;

    fn try_from(table: Table) -> Result<Self, GrantError> {
        let grant = Self::parse(&table.to)?;
        if table.private && matches!(grant.host, HostPattern::NetworkHost(NetworkHost::Address(_))) {
            return Err(GrantError::PrivateAddress);
        }
        if table.ca.is_some() && grant.transport != Transport::Https {
            return Err(GrantError::CaWithoutTls);
        }
        Ok(Self {
            private: table.private,
            ca: table.ca,
            ..grant
        })
    }
}

impl<'de> Deserialize<'de> for WrittenGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WrittenVisitor)
    }
}

struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = WrittenGrant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"scheme://host:port\" or { to = \"scheme://host:port\", private = true, ca = \"/path\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenGrant, E> {
        NetworkGrant::parse(text).map(WrittenGrant).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenGrant, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        NetworkGrant::try_from(table)
            .map(WrittenGrant)
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
