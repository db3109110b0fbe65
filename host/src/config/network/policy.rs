//! Decides, without any I/O, whether an adapter may make a request, look up a name or connect to an address.

use std::cmp::Reverse;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Serialize;

use super::{NetworkAudit, NetworkGrant, NetworkHost, Special, Transport};

/// Decides what an adapter may reach. Whatever no grant names is refused.
///
/// A connection through a name takes two decisions: [`NetworkPolicy::request`] or [`NetworkPolicy::lookup`] on the
/// name, then [`NetworkPolicy::dial`] or [`NetworkPolicy::answer`] on each address that the name led to. An address
/// that came from nowhere takes [`NetworkPolicy::connect`].
///
/// ```
/// use mirrorbox::config::network::{NetworkHost, NetworkGrant, NetworkPolicy};
///
/// let policy = NetworkPolicy::new(vec![NetworkGrant::parse("https://storage.example.com")?]);
/// let host = NetworkHost::parse("Storage.Example.com.")?;
/// assert!(policy.request(true, &host, 443).is_ok());
/// assert!(policy.dial(true, &host, 443, "93.184.215.14".parse()?).is_ok());
/// let refusal = policy.dial(true, &host, 443, "127.0.0.1".parse()?).unwrap_err();
/// assert_eq!(refusal.remedy, "the manifest would allow it with \
///     network = [{ to = \"https://storage.example.com\", private = true }]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct NetworkPolicy {
    grants: Vec<NetworkGrant>,
    audit: Option<NetworkAudit>,
}

/// Why something was refused. Says for people what a guest is not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What was wanted.
    pub what: String,
    /// What the manifest would have to say, and where.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl NetworkPolicy {
    /// The policy that a manifest's grants make.
    pub fn new(grants: Vec<NetworkGrant>) -> Self {
        Self { grants, audit: None }
    }

    /// A policy that lets through what no grant covers, for the audit to note it. What some grant could never allow for
    /// a name, a metadata server among it, it refuses all the same.
    pub fn audited(grants: Vec<NetworkGrant>, audit: NetworkAudit) -> Self {
        Self {
            grants,
            audit: Some(audit),
        }
    }

    /// Whether it lets through what no grant covers.
    pub fn is_audited(&self) -> bool {
        self.audit.is_some()
    }

    /// The grants.
    pub fn grants(&self) -> &[NetworkGrant] {
        &self.grants
    }

    /// May an HTTP request be made to this host? For a name, each address that it leads to takes [`Self::dial`].
    pub fn request(&self, tls: bool, host: &NetworkHost, port: u16) -> Result<(), Refusal> {
        let transport = http(tls);
        let is_allowed = match host {
            NetworkHost::Address(address) => {
                let lacking = || NetworkGrant::of(transport, host, port);
                self.allows(self.literal(transport, *address, port), lacking, *address)
            }
            // It is noted once it is known where the name leads.
            NetworkHost::Name(_) => self.is_audited() || self.covering(transport, host, port).is_some(),
        };
        allowed(is_allowed, || Refusal {
            what: format!("a request to {}://{host}:{port}", transport.scheme()),
            remedy: add(transport, host, port),
        })
    }

    /// The file with certificates for HTTPS requests to this host: what the most specific grant of it names, whatever
    /// stands in a wider one. Of two that are alike, one that names a file counts, and of two files the one whose path
    /// sorts first; the order of the grants is nothing.
    pub fn certificates(&self, host: &NetworkHost, port: u16) -> Option<PathBuf> {
        let covering = self
            .grants
            .iter()
            .filter(|grant| grant.covers(Transport::Https, host, port));
        let most_specific = covering.max_by_key(|grant| (grant.host.specificity(), grant.ca.as_ref().map(Reverse)));
        most_specific?.ca.clone()
    }

    /// May a request to this host, which leads to `address`, be sent there?
    pub fn dial(&self, tls: bool, host: &NetworkHost, port: u16, address: IpAddr) -> Result<(), Refusal> {
        let (transport, address) = (http(tls), address.to_canonical());
        let granted = self.led(transport, host, Some(port), address);
        let lacking = || {
            let mut grant = NetworkGrant::of(transport, host, port);
            grant.ca = self.certificates(host, port).filter(|_| tls);
            grant
        };
        allowed(self.allows(granted, lacking, address), || {
            self.leads_astray(transport, host, Some(port), address)
        })
    }

    /// May this name be looked up? Only a grant of TCP connections says so: a request needs no lookup by the guest.
    pub fn lookup(&self, host: &NetworkHost) -> Result<(), Refusal> {
        let is_allowed = self.is_audited() || self.named(host).next().is_some();
        allowed(is_allowed, || Refusal {
            what: format!("a lookup of {host}"),
            remedy: format!("the manifest would allow it with network = [\"tcp://{host}:PORT\"]"),
        })
    }

    /// May the guest be told that a name that it may look up leads to `address`?
    pub fn answer(&self, host: &NetworkHost, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        // In an audit, the connection that follows is what is noted.
        let is_told =
            self.led(Transport::Tcp, host, None, address).is_some() || (self.is_audited() && may_be_granted(address));
        allowed(is_told, || self.leads_astray(Transport::Tcp, host, None, address))
    }

    /// May a TCP connection be made? `names` are those that were looked up and led to this very address, the latest
    /// last.
    pub fn connect<'a>(&self, to: SocketAddr, names: impl IntoIterator<Item = &'a NetworkHost>) -> Result<(), Refusal> {
        let (address, port) = (to.ip().to_canonical(), to.port());
        let names: Vec<_> = names.into_iter().collect();
        let by_name = || {
            let mut granted = names.iter();
            granted.find_map(|name| self.led(Transport::Tcp, name, Some(port), address))
        };
        let granted = self.literal(Transport::Tcp, address, port).or_else(by_name);
        let lacking = || match names.last() {
            Some(name) => NetworkGrant::of(Transport::Tcp, name, port),
            None => NetworkGrant::of(Transport::Tcp, &address.into(), port),
        };
        allowed(self.allows(granted, lacking, address), || Refusal {
            what: format!("a TCP connection to {to}"),
            remedy: add(Transport::Tcp, &address.into(), port),
        })
    }

    /// Whether a way to `address` is open: by the grant that was found; in an audit also without one, and then the
    /// lacking grant is noted.
    fn allows(&self, granted: Option<&NetworkGrant>, lacking: impl FnOnce() -> NetworkGrant, address: IpAddr) -> bool {
        let Some(audit) = &self.audit else {
            return granted.is_some();
        };
        match granted {
            Some(grant) => audit.note(grant.clone()),
            None if may_be_granted(address) => {
                let mut grant = lacking();
                grant.private = !admits(&grant, address);
                audit.note(grant)
            }
            None => false,
        }
    }

    /// The grant that names an address as such.
    fn literal(&self, transport: Transport, address: IpAddr, port: u16) -> Option<&NetworkGrant> {
        let host = NetworkHost::from(address);
        let mut covering = self.grants.iter().filter(|grant| grant.covers(transport, &host, port));
        covering.find(|grant| admits(grant, address))
    }

    fn covering(&self, transport: Transport, host: &NetworkHost, port: u16) -> Option<&NetworkGrant> {
        self.grants.iter().find(|grant| grant.covers(transport, host, port))
    }

    /// The grants of TCP connections that name a host, at any port.
    fn named(&self, host: &NetworkHost) -> impl Iterator<Item = &NetworkGrant> {
        self.grants
            .iter()
            .filter(move |grant| grant.covers(Transport::Tcp, host, grant.port))
    }

    /// The grant of this host, at this port or at any, that covers the address that it leads to.
    fn led(
        &self,
        transport: Transport,
        host: &NetworkHost,
        port: Option<u16>,
        address: IpAddr,
    ) -> Option<&NetworkGrant> {
        let covers = |grant: &&NetworkGrant| grant.covers(transport, host, port.unwrap_or(grant.port));
        let mut covering = self.grants.iter().filter(covers);
        covering.find(|grant| admits(grant, address))
    }

    /// Why a host must not lead to this address.
    fn leads_astray(&self, transport: Transport, host: &NetworkHost, port: Option<u16>, address: IpAddr) -> Refusal {
        let covers = |grant: &&NetworkGrant| grant.covers(transport, host, port.unwrap_or(grant.port));
        let covering = self.grants.iter().find(covers);
        let special = Special::of(address);
        Refusal {
            what: match special {
                Some(special) => format!("{host} leads to {address}, {special}"),
                None => format!("{host} leads to {address}"),
            },
            remedy: match (covering, special) {
                (Some(grant), Some(special)) if special.is_private() => allow_private(grant),
                (grant, Some(Special::Metadata | Special::LinkLocal)) => {
                    let port = grant.map_or(80, |grant| grant.port);
                    add(transport, &address.into(), port)
                }
                (None, _) => add(transport, host, port.unwrap_or(0)),
                _ => "nothing allows it".to_owned(),
            },
        }
    }
}

fn allowed(is_allowed: bool, refusal: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
    match is_allowed {
        true => Ok(()),
        false => Err(refusal()),
    }
}

fn http(tls: bool) -> Transport {
    match tls {
        true => Transport::Https,
        false => Transport::Http,
    }
}

/// Whether a grant that covers a host covers this address of it.
fn admits(grant: &NetworkGrant, address: IpAddr) -> bool {
    Special::of(address).is_none_or(|special| grant.admits(special))
}

/// Whether a grant of a name could cover this address.
fn may_be_granted(address: IpAddr) -> bool {
    Special::of(address).is_none_or(Special::is_private)
}

fn add(transport: Transport, host: &NetworkHost, port: u16) -> String {
    let scheme = transport.scheme();
    format!("the manifest would allow it with network = [\"{scheme}://{host}:{port}\"]")
}

/// The entry that would do, and the line that it would replace.
fn allow_private(grant: &NetworkGrant) -> String {
    let mut private = grant.clone();
    private.private = true;
    let entry = private.entry();
    match grant.place() {
        Some(place) => format!("{place} would allow it with {entry}"),
        None => format!("the manifest would allow it with network = [{entry}]"),
    }
}

#[cfg(test)]
mod tests;
