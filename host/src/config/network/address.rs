//! Special addresses: private ranges, loopback, cloud metadata and the like, which a name may lead to only if a grant
//! allows it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for, where that is not the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// This machine.
    Loopback,
    /// A private network: RFC 1918, unique local IPv6, local NAT64.
    Private,
    /// A network that a provider shares between customers (100.64.0.0/10).
    Shared,
    /// The own link.
    LinkLocal,
    /// A cloud's metadata server, which hands out credentials.
    Metadata,
    /// Many machines at once.
    Multicast,
    /// No machine in particular: 0.0.0.0/8, `::`.
    Unspecified,
    /// Set aside: documentation, benchmarks, discarding, the future, tunnels nobody should use.
    Reserved,
}

impl Special {
    /// What is special about an address; none for one on the public internet.
    ///
    /// An IPv6 address that carries an IPv4 address (mapped, compatible, NAT64, 6to4) is as special as that one.
    ///
    /// ```
    /// use mirrorbox::config::network::Special;
    ///
    /// assert_eq!(Special::of("64:ff9b::a9fe:a9fe".parse().unwrap()), Some(Special::Metadata));
    /// assert_eq!(Special::of("93.184.215.14".parse().unwrap()), None);
    /// ```
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Whether a grant that says `private = true` for a name covers it. The own link is not among it: it is where
    /// clouds put what hands out credentials, at addresses that no list has all of.
    pub(super) fn is_private(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::Shared)
    }

    /// Whether anybody can be meant by it at all.
    pub(super) fn is_host(self) -> bool {
        self.is_private() || matches!(self, Self::LinkLocal | Self::Metadata | Self::Reserved)
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "an address of a provider's shared network",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud's metadata server",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "no machine's address",
            Self::Reserved => "a reserved address",
        })
    }
}

fn of_v4(address: Ipv4Addr) -> Option<Special> {
    let [a, b, c, d] = address.octets();
    Some(match (a, b, c, d) {
        // Amazon and others; Azure's wire server; Alibaba, in the shared network.
        (169, 254, 169, 254) | (168, 63, 129, 16) | (100, 100, 100, 200) => Special::Metadata,
        // Tencent; Scaleway; Amazon's tasks and pods.
        (169, 254, 0, 23) | (169, 254, 42, 42) | (169, 254, 170, 2 | 23) => Special::Metadata,
        (0, ..) => Special::Unspecified,
        (127, ..) => Special::Loopback,
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Special::Private,
        (100, 64..=127, ..) => Special::Shared,
        (169, 254, ..) => Special::LinkLocal,
        (224..=239, ..) | (255, 255, 255, 255) => Special::Multicast,
        // Protocol assignments, documentation (three), relays of 6to4, benchmarks, the future.
        (192, 0, 0 | 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => Special::Reserved,
        (192, 88, 99, _) | (198, 18..=19, ..) | (240.., ..) => Special::Reserved,
        _ => return None,
    })
}

fn of_v6(address: Ipv6Addr) -> Option<Special> {
    if let Some(inner) = carried(address) {
        return of_v4(inner);
    }
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Special::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Special::Loopback,
        // Amazon, its pods; Google; Scaleway; Oracle. All lie in the unique local addresses.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Special::Metadata,
        [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe] => Special::Metadata,
        // OpenStack, on the own link.
        [0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe] => Special::Metadata,
        [0xff00..=0xffff, ..] => Special::Multicast,
        [0xfe80..=0xfebf, ..] => Special::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Special::Private,
        // Discarding, Teredo and other protocol assignments, documentation (two).
        [0x100, 0, 0, 0, ..] | [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => {
            Special::Reserved
        }
        _ => return None,
    })
}

/// The IPv4 address that an IPv6 address stands for, or is a way to.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible, mapped, translated (SIIT).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
