use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::{Host, NetworkGrant, Special, Transport};

/// Decides what an adapter may reach. Whatever no grant names is refused.
///
/// A connection through a name takes two decisions: [`NetworkPolicy::request`] or [`NetworkPolicy::lookup`] on the
/// name, then [`NetworkPolicy::dial`] or [`NetworkPolicy::answer`] on each address that the name led to. An address
/// that came from nowhere takes [`NetworkPolicy::connect`].
///
/// ```
/// use mirrorbox::config::network::{Host, NetworkGrant, NetworkPolicy};
///
/// let policy = NetworkPolicy::new(vec![NetworkGrant::parse("https://storage.example.com")?]);
/// let host = Host::parse("Storage.Example.com.")?;
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
        Self { grants }
    }

    /// The grants.
    pub fn grants(&self) -> &[NetworkGrant] {
        &self.grants
    }

    /// May an HTTP request be made to this host? For a name, each address that it leads to takes [`Self::dial`].
    pub fn request(&self, tls: bool, host: &Host, port: u16) -> Result<&NetworkGrant, Refusal> {
        let transport = http(tls);
        match host {
            Host::Address(address) => self.literal(transport, *address, port),
            Host::Name(_) => self.covering(transport, host, port),
        }
        .ok_or_else(|| Refusal {
            what: format!("a request to {}://{host}:{port}", transport.scheme()),
            remedy: add(transport, host, port),
        })
    }

    /// May a request to this host, which leads to `address`, be sent there?
    pub fn dial(&self, tls: bool, host: &Host, port: u16, address: IpAddr) -> Result<(), Refusal> {
        self.led(http(tls), host, Some(port), address)
    }

    /// May this name be looked up? Only a grant of TCP connections says so: a request needs no lookup by the guest.
    pub fn lookup(&self, host: &Host) -> Result<(), Refusal> {
        if self.named(host).next().is_some() {
            return Ok(());
        }
        Err(Refusal {
            what: format!("a lookup of {host}"),
            remedy: format!("the manifest would allow it with network = [\"tcp://{host}:PORT\"]"),
        })
    }

    /// May the guest be told that a name that it may look up leads to `address`?
    pub fn answer(&self, host: &Host, address: IpAddr) -> Result<(), Refusal> {
        self.led(Transport::Tcp, host, None, address)
    }

    /// May a TCP connection be made? `names` are those that were looked up and led to this very address.
    pub fn connect<'a>(
        &self,
        to: SocketAddr,
        names: impl IntoIterator<Item = &'a Host>,
    ) -> Result<&NetworkGrant, Refusal> {
        let address = to.ip().to_canonical();
        let mut by_name = names.into_iter().filter_map(|name| {
            let covering = self
                .grants
                .iter()
                .filter(|grant| grant.covers(Transport::Tcp, name, to.port()));
            covering.into_iter().find(|grant| admits(grant, address))
        });
        let granted = self
            .literal(Transport::Tcp, address, to.port())
            .or_else(|| by_name.next());
        granted.ok_or_else(|| Refusal {
            what: format!("a TCP connection to {to}"),
            remedy: add(Transport::Tcp, &address.into(), to.port()),
        })
    }

    /// The grant that names an address as such.
    fn literal(&self, transport: Transport, address: IpAddr, port: u16) -> Option<&NetworkGrant> {
        let host = Host::from(address);
        let mut covering = self.grants.iter().filter(|grant| grant.covers(transport, &host, port));
        covering.find(|grant| admits(grant, address))
    }

    fn covering(&self, transport: Transport, host: &Host, port: u16) -> Option<&NetworkGrant> {
        self.grants.iter().find(|grant| grant.covers(transport, host, port))
    }

    /// The grants of TCP connections that name a host, at any port.
    fn named(&self, host: &Host) -> impl Iterator<Item = &NetworkGrant> {
        self.grants
            .iter()
            .filter(move |grant| grant.covers(Transport::Tcp, host, grant.port))
    }

    /// Whether some grant of this host, at this port or at any, covers the address that it leads to.
    fn led(&self, transport: Transport, host: &Host, port: Option<u16>, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let covers = |grant: &&NetworkGrant| grant.covers(transport, host, port.unwrap_or(grant.port));
        let covering: Vec<_> = self.grants.iter().filter(covers).collect();
        if covering.iter().any(|grant| admits(grant, address)) {
            return Ok(());
        }
        let special = Special::of(address);
        Err(Refusal {
            what: match special {
                Some(special) => format!("{host} leads to {address}, {special}"),
                None => format!("{host} leads to {address}"),
            },
            remedy: match (covering.first(), special) {
                (Some(grant), Some(special)) if special.is_private() => allow_private(grant),
                (grant, Some(Special::Metadata)) => {
                    let port = grant.map_or(80, |grant| grant.port);
                    add(transport, &address.into(), port)
                }
                (None, _) => add(transport, host, port.unwrap_or(0)),
                _ => "nothing allows it".to_owned(),
            },
        })
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

fn add(transport: Transport, host: &Host, port: u16) -> String {
    let scheme = transport.scheme();
    format!("the manifest would allow it with network = [\"{scheme}://{host}:{port}\"]")
}

/// The entry that would do, and the line that it would replace.
fn allow_private(grant: &NetworkGrant) -> String {
    let entry = match &grant.ca {
        Some(ca) => format!("{{ to = \"{grant}\", private = true, ca = {ca:?} }}"),
        None => format!("{{ to = \"{grant}\", private = true }}"),
    };
    match grant.place() {
        Some(place) => format!("{place} would allow it with {entry}"),
        None => format!("the manifest would allow it with network = [{entry}]"),
    }
}

#[cfg(test)]
mod tests;
