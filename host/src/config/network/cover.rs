//! Whether a grant allows nothing that others do not allow already.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{HostPattern, NetworkGrant, NetworkHost, Special};

impl NetworkGrant {
    /// Whether everything that this grant allows is allowed by `others`, too.
    ///
    /// Never true of a grant that allows more. Of a range that reaches from public addresses into special ones it may
    /// be false although the part of it that is allowed lies within others.
    ///
    /// ```
    /// use mirrorbox::config::network::NetworkGrant;
    ///
    /// let one = NetworkGrant::parse("https://a.example.com")?;
    /// let all = NetworkGrant::parse("https://*.example.com")?;
    /// assert!(one.is_within([&all]));
    /// assert!(!all.is_within([&one]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_within<'a>(&self, others: impl IntoIterator<Item = &'a NetworkGrant>) -> bool {
        let mut others = others.into_iter().filter(|other| {
            let trusts = self.ca.is_none() || self.ca == other.ca;
            trusts && other.transport == self.transport && other.port == self.port
        });
        match addresses(&self.host) {
            Some(range) => covers(others.filter(|other| self.may_stand_for(other)), range),
            None => others.any(|other| (other.private || !self.private) && names_are_within(&self.host, &other.host)),
        }
    }

    /// Whether another grant of addresses, as far as it reaches, admits all that this one does.
    fn may_stand_for(&self, other: &NetworkGrant) -> bool {
        let first = |grant: &NetworkGrant| addresses(&grant.host).and_then(|range| Special::of(range.network()));
        if self.private {
            // The range may hold anything private: the other is to admit that, or to be special in one way throughout.
            let is_special = first(other).is_some_and(|special| other.host.means(special));
            return other.private || is_special;
        }
        // An address of no special range is allowed by any grant that names it.
        let meant = first(self).filter(|special| self.host.means(*special));
        meant.is_none_or(|special| other.admits(special))
    }
}

/// The addresses that a pattern names as such.
fn addresses(pattern: &HostPattern) -> Option<IpNet> {
    match pattern {
        HostPattern::NetworkHost(NetworkHost::Address(address)) => Some(IpNet::from(*address)),
        HostPattern::Range(range) => Some(*range),
        HostPattern::NetworkHost(NetworkHost::Name(_)) | HostPattern::Below(_) => None,
    }
}

fn names_are_within(names: &HostPattern, others: &HostPattern) -> bool {
    match (names, others) {
        (HostPattern::NetworkHost(name), others) => others.matches(name),
        (HostPattern::Below(name), HostPattern::Below(other)) => {
            name == other || others.matches(&NetworkHost::Name(name.clone()))
        }
        _ => false,
    }
}

/// Whether grants cover a range, several of them together perhaps.
fn covers<'a>(grants: impl Iterator<Item = &'a NetworkGrant>, range: IpNet) -> bool {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for granted in grants.filter_map(|grant| addresses(&grant.host)) {
        match granted {
            IpNet::V4(granted) => v4.push(granted),
            IpNet::V6(granted) => v6.push(granted),
        }
    }
    match range {
        IpNet::V4(range) => Ipv4Net::aggregate(&v4).iter().any(|granted| granted.contains(&range)),
        IpNet::V6(range) => Ipv6Net::aggregate(&v6).iter().any(|granted| granted.contains(&range)),
    }
}

#[cfg(test)]
mod tests;
