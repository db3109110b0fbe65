//! The policy's decisions, as tables and as properties of random grants and addresses.

use proptest::prelude::*;

use super::*;
use crate::config::network::HostPattern;

/// A policy of entries, parted by spaces; a `!` before one stands for `private = true`.
fn policy(entries: &str) -> NetworkPolicy {
    let grant = |entry: &str| match entry.strip_prefix('!') {
        Some(entry) => private(NetworkGrant::parse(entry).unwrap(), true),
        None => NetworkGrant::parse(entry).unwrap(),
    };
    NetworkPolicy::new(entries.split_whitespace().map(grant).collect())
}

fn private(mut grant: NetworkGrant, private: bool) -> NetworkGrant {
    grant.private = private;
    grant
}

/// Whether an HTTP request goes out: to a host alone if that is an address, else to an address that its name led to.
fn requested(entries: &str, url: &str, address: &str) -> bool {
    let (policy, (scheme, rest)) = (policy(entries), url.split_once("://").unwrap());
    let (host, port) = rest.rsplit_once(':').unwrap();
    let (tls, host, port) = (
        scheme == "https",
        NetworkHost::parse(host).unwrap(),
        port.parse().unwrap(),
    );
    let led = address.is_empty() || policy.dial(tls, &host, port, address.parse().unwrap()).is_ok();
    policy.request(tls, &host, port).is_ok() && led
}

/// Whether a TCP connection is made: to an address out of the blue, or to one that a looked-up name led to.
fn connected(entries: &str, name: &str, to: &str) -> bool {
    let (policy, to) = (policy(entries), to.parse::<SocketAddr>().unwrap());
    if name.is_empty() {
        return policy.connect(to, []).is_ok();
    }
    let name = NetworkHost::parse(name).unwrap();
    let told = policy.lookup(&name).is_ok() && policy.answer(&name, to.ip()).is_ok();
    told && policy.connect(to, [&name]).is_ok()
}

#[test]
fn requests() {
    for (entries, url, address, expected) in [
        ("", "http://a.example:80", "1.1.1.1", false),
        ("http://a.example", "http://a.example:80", "1.1.1.1", true),
        ("http://a.example", "http://A.Example.:80", "1.1.1.1", true),
        ("http://a.example", "http://a.example:80", "2606:4700::1", true),
        ("http://a.example", "http://a.example:81", "1.1.1.1", false),
        ("http://a.example", "https://a.example:80", "1.1.1.1", false),
        ("https://a.example", "http://a.example:443", "1.1.1.1", false),
        ("tcp://a.example:80", "http://a.example:80", "1.1.1.1", false),
        ("http://a.example", "http://b.example:80", "1.1.1.1", false),
        ("http://a.example", "http://1.1.1.1:80", "", false),
        ("http://*.a.example", "http://b.a.example:80", "1.1.1.1", true),
        ("http://*.a.example", "http://a.example:80", "1.1.1.1", false),
        // Where a name must not lead.
        ("http://a.example", "http://a.example:80", "127.0.0.1", false),
        ("http://a.example", "http://a.example:80", "::1", false),
        ("http://a.example", "http://a.example:80", "10.0.0.1", false),
        ("http://a.example", "http://a.example:80", "::ffff:10.0.0.1", false),
        ("http://a.example", "http://a.example:80", "64:ff9b::10.0.0.1", false),
        ("http://a.example", "http://a.example:80", "2002:a00:1::", false),
        ("http://a.example", "http://a.example:80", "::10.0.0.1", false),
        ("http://a.example", "http://a.example:80", "100.64.0.1", false),
        ("http://a.example", "http://a.example:80", "169.254.1.1", false),
        ("http://a.example", "http://a.example:80", "fe80::1", false),
        ("http://a.example", "http://a.example:80", "fd00::1", false),
        ("http://a.example", "http://a.example:80", "0.0.0.0", false),
        ("http://a.example", "http://a.example:80", "224.0.0.1", false),
        ("http://a.example", "http://a.example:80", "169.254.169.254", false),
        ("http://a.example", "http://a.example:80", "192.0.2.1", false),
        // Unless the grant says so.
        ("!http://a.example", "http://a.example:80", "127.0.0.1", true),
        ("!http://a.example", "http://a.example:80", "::1", true),
        ("!http://a.example", "http://a.example:80", "10.0.0.1", true),
        ("!http://a.example", "http://a.example:80", "::ffff:10.0.0.1", true),
        ("!http://a.example", "http://a.example:80", "100.64.0.1", true),
        ("!http://a.example", "http://a.example:80", "169.254.1.1", false),
        ("!http://a.example", "http://a.example:80", "fe80::1", false),
        ("!http://a.example", "http://a.example:80", "fd00::1", true),
        ("!http://a.example", "http://a.example:80", "1.1.1.1", true),
        ("!http://*.a.example", "http://b.a.example:80", "10.0.0.1", true),
        // What no name may lead to, whatever the grant says.
        ("!http://a.example", "http://a.example:80", "169.254.169.254", false),
        (
            "!http://a.example",
            "http://a.example:80",
            "::ffff:169.254.169.254",
            false,
        ),
        (
            "!http://a.example",
            "http://a.example:80",
            "64:ff9b::169.254.169.254",
            false,
        ),
        ("!http://a.example", "http://a.example:80", "fd00:ec2::254", false),
        ("!http://a.example", "http://a.example:80", "100.100.100.200", false),
        ("!http://a.example", "http://a.example:80", "0.0.0.0", false),
        ("!http://a.example", "http://a.example:80", "224.0.0.1", false),
        ("!http://a.example", "http://a.example:80", "255.255.255.255", false),
        // Private by the form of the grant.
        ("http://localhost", "http://localhost:80", "127.0.0.1", true),
        ("http://localhost", "http://localhost:80", "::1", true),
        ("http://localhost", "http://localhost:80", "10.0.0.1", false),
        (
            "http://s3.localhost:9000",
            "http://s3.localhost:9000",
            "127.0.0.1",
            true,
        ),
        ("http://*.s3.localhost", "http://b.s3.localhost:80", "127.0.0.1", true),
        ("http://notlocalhost", "http://notlocalhost:80", "127.0.0.1", false),
        (
            "http://localhost.example",
            "http://localhost.example:80",
            "127.0.0.1",
            false,
        ),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "", true),
        ("http://127.0.0.1:9000", "http://[::ffff:127.0.0.1]:9000", "", true),
        ("http://127.0.0.1:9000", "http://localhost:9000", "127.0.0.1", false),
        ("http://127.0.0.1:9000", "http://127.0.0.2:9000", "", false),
        ("http://[::1]:9000", "http://[::1]:9000", "", true),
        ("http://[::1]:9000", "http://127.0.0.1:9000", "", false),
        ("http://169.254.169.254", "http://169.254.169.254:80", "", true),
        ("http://[fd00:ec2::254]", "http://[fd00:ec2::254]:80", "", true),
        ("https://10.0.0.0/8", "https://10.1.2.3:443", "", true),
        ("https://10.0.0.0/8", "https://a.example:443", "10.1.2.3", false),
    ] {
        assert_eq!(
            requested(entries, url, address),
            expected,
            "[{entries}] {url} at {address}"
        );
    }
}

#[test]
fn connections() {
    for (entries, name, to, expected) in [
        ("", "", "1.1.1.1:80", false),
        ("tcp://1.1.1.1:80", "", "1.1.1.1:80", true),
        ("tcp://1.1.1.1:80", "", "1.1.1.1:81", false),
        ("tcp://1.1.1.1:80", "", "1.1.1.2:80", false),
        ("tcp://1.1.1.1:80", "", "[::ffff:1.1.1.1]:80", true),
        ("tcp://1.1.1.1:80", "", "[64:ff9b::1.1.1.1]:80", false),
        ("tcp://1.1.1.1:80", "", "[2002:101:101::]:80", false),
        ("http://1.1.1.1", "", "1.1.1.1:80", false),
        ("https://1.1.1.1", "", "1.1.1.1:443", false),
        ("redis://127.0.0.1", "", "127.0.0.1:6379", true),
        ("rediss://[::1]", "", "[::1]:6379", true),
        ("postgres://127.0.0.1", "", "127.0.0.1:5432", true),
        ("redis://127.0.0.1", "", "127.0.0.1:5432", false),
        ("redis://127.0.0.1", "", "[::1]:6379", false),
        ("tcp://169.254.169.254:80", "", "169.254.169.254:80", true),
        // Ranges: private where they are wholly so, and metadata never.
        ("tcp://10.0.0.0/8:1", "", "10.9.9.9:1", true),
        ("tcp://10.0.0.0/8:1", "", "11.0.0.0:1", false),
        ("tcp://10.0.0.0/7:1", "", "11.0.0.0:1", true),
        ("tcp://10.0.0.0/7:1", "", "10.0.0.1:1", false),
        ("tcp://127.0.0.0/8:1", "", "127.0.0.5:1", true),
        ("tcp://[fd00::]/8:1", "", "[fd12::1]:1", true),
        ("tcp://[fd00::]/8:1", "", "[fd00:ec2::254]:1", false),
        ("tcp://169.254.0.0/16:1", "", "169.254.1.1:1", false),
        ("tcp://169.254.1.1:1", "", "169.254.1.1:1", true),
        ("tcp://[fe80::1]:1", "", "[fe80::1]:1", true),
        ("tcp://169.254.0.0/16:80", "", "169.254.169.254:80", false),
        ("tcp://100.64.0.0/10:80", "", "100.100.100.200:80", false),
        ("tcp://0.0.0.0/0:1", "", "1.1.1.1:1", true),
        ("tcp://0.0.0.0/0:1", "", "127.0.0.1:1", false),
        ("tcp://0.0.0.0/0:1", "", "10.0.0.1:1", false),
        ("!tcp://0.0.0.0/0:1", "", "10.0.0.1:1", true),
        ("!tcp://0.0.0.0/0:1", "", "169.254.169.254:1", false),
        ("tcp://0.0.0.0/0:1", "", "224.0.0.1:1", false),
        ("tcp://[::]/0:1", "", "[::1]:1", false),
        ("tcp://[::]/0:1", "", "127.0.0.1:1", false),
        ("tcp://[::]/0:1", "", "[64:ff9b::10.0.0.1]:1", false),
        // Names.
        ("redis://r.example", "r.example", "1.1.1.1:6379", true),
        ("redis://r.example", "R.Example.", "1.1.1.1:6379", true),
        ("redis://r.example", "r.example", "1.1.1.1:6380", false),
        ("redis://r.example", "s.example", "1.1.1.1:6379", false),
        ("redis://r.example", "", "1.1.1.1:6379", false),
        ("redis://r.example", "r.example", "127.0.0.1:6379", false),
        ("redis://r.example", "r.example", "[::ffff:127.0.0.1]:6379", false),
        ("!redis://r.example", "r.example", "127.0.0.1:6379", true),
        ("!redis://r.example", "r.example", "169.254.169.254:6379", false),
        ("https://r.example", "r.example", "1.1.1.1:443", false),
        ("tcp://*.r.example:1", "a.r.example", "1.1.1.1:1", true),
        ("tcp://*.r.example:1", "r.example", "1.1.1.1:1", false),
        ("tcp://localhost:1", "localhost", "127.0.0.1:1", true),
        ("tcp://localhost:1", "localhost", "10.0.0.1:1", false),
        // An address that one grant of a name may reach as private is not reachable through another grant.
        ("!tcp://r.example:1 tcp://r.example:2", "r.example", "10.0.0.1:1", true),
        ("!tcp://r.example:1 tcp://r.example:2", "r.example", "10.0.0.1:2", false),
        ("!tcp://r.example:1 tcp://s.example:2", "s.example", "10.0.0.1:2", false),
    ] {
        assert_eq!(connected(entries, name, to), expected, "[{entries}] {name} at {to}");
    }
}

/// A name that leads to a public address now and to a private one later: the later answer is not told, and the address
/// cannot be reached through the earlier one.
#[test]
fn a_name_that_changes_its_mind_leads_nowhere() {
    let policy = policy("redis://r.example http://r.example");
    let name = NetworkHost::parse("r.example").unwrap();
    let (public, private) = ("1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap());
    assert!(policy.answer(&name, public).is_ok() && policy.connect((public, 6379).into(), [&name]).is_ok());
    assert!(policy.answer(&name, private).is_err());
    assert!(policy.connect((private, 6379).into(), [&name]).is_err());
    assert!(policy.dial(false, &name, 80, public).is_ok());
    assert!(policy.dial(false, &name, 80, private).is_err());
}

#[test]
fn a_refusal_says_what_would_allow_it() {
    let policy = policy("redis://r.example");
    let name = NetworkHost::parse("r.example").unwrap();
    let private = policy.answer(&name, "10.0.0.1".parse().unwrap()).unwrap_err();
    assert_eq!(private.what, "r.example leads to 10.0.0.1, a private address");
    assert!(
        private
            .remedy
            .ends_with("[{ to = \"redis://r.example\", private = true }]"),
        "{private}"
    );
    let metadata = policy.answer(&name, "169.254.169.254".parse().unwrap()).unwrap_err();
    assert!(
        metadata.remedy.ends_with("[\"tcp://169.254.169.254:6379\"]"),
        "{metadata}"
    );
    let multicast = policy.answer(&name, "224.0.0.1".parse().unwrap()).unwrap_err();
    assert_eq!(multicast.remedy, "nothing allows it");
    let connection = policy.connect("[::1]:5432".parse().unwrap(), []).unwrap_err();
    assert_eq!(connection.what, "a TCP connection to [::1]:5432");
    assert!(connection.remedy.ends_with("[\"tcp://[::1]:5432\"]"), "{connection}");
}

/// Hosts, addresses and ports that are alike, so that many meet.
fn names() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "example", "localhost", "com"]);
    prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."))
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    let of_v4 = |address: u32| IpAddr::V4(address.into());
    let near = prop::sample::select(vec![
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "1.1.1.1",
        "0.0.0.0",
        "::1",
        "fd00:ec2::254",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2606:4700::1",
        "224.0.0.1",
        "100.64.0.1",
    ]);
    prop_oneof![
        near.prop_map(|address| address.parse().unwrap()),
        any::<u32>().prop_map(of_v4),
        any::<u128>().prop_map(|address| IpAddr::V6(address.into())),
    ]
}

fn entries() -> impl Strategy<Value = NetworkGrant> {
    let host = prop_oneof![
        names(),
        names().prop_map(|name| format!("*.{name}")),
        addresses().prop_map(|address| NetworkHost::from(address).to_string()),
        (addresses(), 0..=32_u8).prop_map(|(address, bits)| format!("{}/{bits}", NetworkHost::from(address))),
    ];
    let scheme = prop::sample::select(vec!["http", "https", "redis", "tcp"]);
    (scheme, host, 1..4_u16, any::<bool>()).prop_filter_map(
        "a host that can be granted",
        |(scheme, host, port, private)| {
            let grant = NetworkGrant::parse(&format!("{scheme}://{host}:{port}")).ok()?;
            Some(self::private(grant, private))
        },
    )
}

/// Whether a grant names a host and says that it may be at an address, told in another way than the policy tells it.
fn names_it(grant: &NetworkGrant, host: &NetworkHost, address: IpAddr) -> bool {
    let is_named = match (&grant.host, host) {
        (HostPattern::NetworkHost(granted), host) => granted == host,
        (HostPattern::Below(below), NetworkHost::Name(name)) => name.ends_with(&format!(".{below}")),
        (HostPattern::Range(range), NetworkHost::Address(address)) => range.contains(address),
        _ => false,
    };
    let literal = matches!(grant.host, HostPattern::NetworkHost(NetworkHost::Address(_)));
    let never = matches!(
        Special::of(address),
        Some(Special::Metadata | Special::Multicast | Special::Unspecified | Special::Reserved)
    );
    is_named && (literal || !never)
}

proptest! {
    #[test]
    fn nothing_that_is_not_granted_is_allowed(
        grants in prop::collection::vec(entries(), 0..4),
        name in names(),
        address in addresses(),
        port in 1..4_u16,
        tls: bool,
    ) {
        let policy = NetworkPolicy::new(grants.clone());
        let (name, literal) = (NetworkHost::parse(&name).unwrap(), NetworkHost::from(address));
        let address = address.to_canonical();
        let granted = |transport, host: &NetworkHost| grants.iter().any(|grant| {
            (grant.transport, grant.port) == (transport, port) && names_it(grant, host, address)
        });
        if policy.connect((address, port).into(), []).is_ok() {
            prop_assert!(granted(Transport::Tcp, &literal));
        }
        if policy.connect((address, port).into(), [&name]).is_ok() {
            prop_assert!(granted(Transport::Tcp, &literal) || granted(Transport::Tcp, &name));
        }
        let transport = if tls { Transport::Https } else { Transport::Http };
        if policy.request(tls, &literal, port).is_ok() {
            prop_assert!(granted(transport, &literal));
        }
        if policy.request(tls, &name, port).is_ok() && policy.dial(tls, &name, port, address).is_ok() {
            prop_assert!(granted(transport, &name));
        }
        if policy.answer(&name, address).is_ok() {
            prop_assert!(policy.lookup(&name).is_ok());
        }
    }

    /// A private address is reached only as such, as this machine's, or where a grant says `private`.
    #[test]
    fn no_name_leads_inside_unasked(grants in prop::collection::vec(entries(), 0..4), name in names(), address in addresses()) {
        let grants: Vec<_> = grants.into_iter().map(|grant| private(grant, false)).collect();
        let policy = NetworkPolicy::new(grants);
        let host = NetworkHost::parse(&name).unwrap();
        let is_own = name.ends_with("localhost") && Special::of(address) == Some(Special::Loopback);
        if Special::of(address).is_some() && !is_own {
            prop_assert!(policy.answer(&host, address).is_err());
            for port in 1..4 {
                prop_assert!(policy.dial(true, &host, port, address).is_err());
                prop_assert!(policy.dial(false, &host, port, address).is_err());
            }
        }
    }

    #[test]
    fn a_grant_survives_being_written(grant in entries()) {
        let again = NetworkGrant::parse(&grant.to_string()).unwrap();
        prop_assert_eq!(&again.host, &grant.host);
        prop_assert_eq!(HostPattern::parse(&grant.host.to_string()).unwrap(), grant.host);
    }

    #[test]
    fn no_text_is_read_as_more_than_one_host(text in "[0-9a-fx:.\\[\\]*/@%]{0,24}") {
        if let Ok(host) = NetworkHost::parse(&text) {
            prop_assert_eq!(NetworkHost::parse(&host.to_string()).unwrap(), host);
        }
    }
}

#[test]
fn the_most_specific_grant_says_which_certificates_count() {
    let grant = |to: &str, ca: Option<&str>| {
        let mut grant = NetworkGrant::parse(to).unwrap();
        grant.ca = ca.map(Into::into);
        grant
    };
    let (wide, exact) = (
        grant("https://*.x.example", Some("corp")),
        grant("https://api.x.example", None),
    );
    let (deep, other) = (
        grant("https://*.deep.x.example", Some("deep")),
        grant("https://*.deep.x.example", Some("a")),
    );
    let name = |name: &str| NetworkHost::parse(name).unwrap();
    let mut grants = vec![wide, exact, deep];
    for _ in 0..2 {
        let policy = NetworkPolicy::new(grants.clone());
        let ca = |host: &str| policy.certificates(&name(host), 443);
        assert_eq!(ca("api.x.example"), None);
        assert_eq!(ca("other.x.example"), Some("corp".into()));
        assert_eq!(ca("a.deep.x.example"), Some("deep".into()));
        // The lock knows no order, so it is the same.
        grants.reverse();
    }
    grants.push(other);
    for _ in 0..2 {
        let policy = NetworkPolicy::new(grants.clone());
        assert_eq!(policy.certificates(&name("a.deep.x.example"), 443), Some("a".into()));
        grants.reverse();
    }
}
