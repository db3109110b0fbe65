//! Hosts as they stand in URLs and grants, in one spelling each, and the patterns of grants that match them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Special;

/// The longest name that DNS knows, and the longest part of one between dots.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The host of a request or a grant: a name, or an address.
///
/// Names are compared without regard to case and to a dot at their end. Of an address there is one spelling: what
/// some systems read as IPv4 too (`127.1`, `0x7f000001`, `0177.0.0.1`) is refused, for it could mean different
/// machines to who checks it and to who dials it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NetworkHost {
    /// A name, in lower case and without a dot at its end.
    Name(String),
    /// An address; an IPv4 address that came as a mapped IPv6 one is an IPv4 address.
    Address(IpAddr),
}

/// Why a text names no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkHostError {
    /// There is nothing.
    #[error("there is no host")]
    Empty,
    /// It is no name and no address.
    #[error("{0:?} is no host name and no address")]
    NoName(String),
    /// It is a number, or an address in a spelling that not everybody reads alike.
    #[error("{0:?} is an unusual spelling of an address; write four decimal numbers without leading zeros")]
    OddAddress(String),
    /// A wildcard stands where it must not.
    #[error("{0:?} has a wildcard that is not the first part of at least three, as in \"*.example.com\"")]
    Wildcard(String),
    /// It is no range of addresses.
    #[error("{0:?} is no range of addresses; write one as \"10.0.0.0/8\" or \"[fd00::]/8\"")]
    Range(String),
    /// Nobody can be connected to there.
    #[error("{0} is {1}: nobody can be connected to there")]
    Unreachable(IpAddr, Special),
}

impl NetworkHost {
    /// Reads a host as it stands in the authority of a URL: IPv6 addresses in brackets or without.
    pub fn parse(text: &str) -> Result<Self, NetworkHostError> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Some(address) = bare {
            let address: Result<Ipv6Addr, _> = address.parse();
            return match address {
                Ok(address) => Ok(address.into()),
                Err(_) => Err(NetworkHostError::NoName(text.to_owned())),
            };
        }
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self::from(address)),
            Err(_) => name(text).map(Self::Name),
        }
    }
}

impl<A: Into<IpAddr>> From<A> for NetworkHost {
    fn from(address: A) -> Self {
        Self::Address(address.into().to_canonical())
    }
}

/// As it stands in the authority of a URL.
impl fmt::Display for NetworkHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The hosts that a grant is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// One host.
    NetworkHost(NetworkHost),
    /// `*.example.com`: every name that ends like this; the name behind the wildcard is not among them.
    Below(String),
    /// `10.0.0.0/8`: every address in a range, written as such.
    Range(IpNet),
}

impl HostPattern {
    /// Reads what stands between `://` and the port of a grant.
    pub(super) fn parse(text: &str) -> Result<Self, NetworkHostError> {
        if text.contains('/') {
            return range(text).map(Self::Range);
        }
        if !text.contains('*') {
            let host = NetworkHost::parse(text)?;
            return reachable(&host).map(|()| Self::NetworkHost(host));
        }
        let wildcard = || NetworkHostError::Wildcard(text.to_owned());
        let below = name(text.strip_prefix("*.").ok_or_else(wildcard)?).map_err(|_| wildcard())?;
        match below.contains('.') {
            true => Ok(Self::Below(below)),
            false => Err(wildcard()),
        }
    }

    /// Whether a host is among these. Names match names, addresses match addresses.
    pub fn matches(&self, host: &NetworkHost) -> bool {
        match (self, host) {
            (Self::NetworkHost(granted), host) => granted == host,
            (Self::Below(below), NetworkHost::Name(name)) => name
                .strip_suffix(below.as_str())
                .is_some_and(|before| before.len() > 1 && before.ends_with('.')),
            (Self::Range(range), NetworkHost::Address(address)) => range.contains(address),
            _ => false,
        }
    }

    /// The higher, the fewer hosts are meant; to be compared between patterns that both match a host.
    pub(super) fn specificity(&self) -> usize {
        match self {
            Self::NetworkHost(_) => usize::MAX,
            Self::Below(name) => name.len(),
            Self::Range(range) => range.prefix_len().into(),
        }
    }

    /// Whether the pattern says by its form that it means an address that is special in this way.
    pub(super) fn means(&self, special: Special) -> bool {
        match self {
            Self::NetworkHost(NetworkHost::Address(_)) => true,
            Self::NetworkHost(NetworkHost::Name(name)) | Self::Below(name) => {
                special == Special::Loopback && is_localhost(name)
            }
            // A range that reaches beyond a special block does not name it.
            Self::Range(range) => {
                special.is_private()
                    && [range.network(), range.broadcast()]
                        .iter()
                        .all(|end| Special::of(*end) == Some(special))
            }
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetworkHost(host) => host.fmt(f),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Range(IpNet::V4(range)) => range.fmt(f),
            Self::Range(IpNet::V6(range)) => write!(f, "[{}]/{}", range.addr(), range.prefix_len()),
        }
    }
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn reachable(host: &NetworkHost) -> Result<(), NetworkHostError> {
    let NetworkHost::Address(address) = host else {
        return Ok(());
    };
    match Special::of(*address) {
        Some(special) if !special.is_host() => Err(NetworkHostError::Unreachable(*address, special)),
        _ => Ok(()),
    }
}

/// A host name in lower case, without a dot at its end.
fn name(text: &str) -> Result<String, NetworkHostError> {
    if text.is_empty() {
        return Err(NetworkHostError::Empty);
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= MAX_LABEL
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() > MAX_NAME || !name.split('.').all(is_label) {
        return Err(NetworkHostError::NoName(text.to_owned()));
    }
    // What the resolver of some system takes for an IPv4 address: its last part is a number.
    match name.rsplit('.').next().is_some_and(is_number) {
        true => Err(NetworkHostError::OddAddress(text.to_owned())),
        false => Ok(name),
    }
}

fn is_number(label: &str) -> bool {
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    label.bytes().all(|byte| byte.is_ascii_digit()) || label.strip_prefix("0x").is_some_and(is_hex)
}

/// `10.0.0.0/8`, `[fd00::]/8`.
fn range(text: &str) -> Result<IpNet, NetworkHostError> {
    let wrong = || NetworkHostError::Range(text.to_owned());
    let (address, length) = text.split_once('/').ok_or_else(wrong)?;
    let is_decimal = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length: u8 = length.parse().ok().filter(|_| is_decimal).ok_or_else(wrong)?;
    let range = match address.strip_prefix('[').and_then(|address| address.strip_suffix(']')) {
        Some(address) => {
            let address: Ipv6Addr = address.parse().map_err(|_| wrong())?;
            Ipv6Net::new(address, length).map(IpNet::V6)
        }
        None => {
            let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
            Ipv4Net::new(address, length).map(IpNet::V4)
        }
    };
    range.map(|range| range.trunc()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
