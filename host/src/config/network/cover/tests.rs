//! Which grants lie within others, checked against what a policy with each of them allows.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::config::network::NetworkPolicy;

fn grant(text: &str) -> NetworkGrant {
    let mut grant = NetworkGrant::parse(text.trim_start_matches('!')).unwrap();
    grant.private = text.starts_with('!');
    grant
}

/// Entries parted by spaces; a `!` before one stands for `private = true`.
fn grants(text: &str) -> Vec<NetworkGrant> {
    text.split_whitespace().map(grant).collect()
}

#[test]
fn what_lies_within_what() {
    for (one, others, expected) in [
        ("https://a.x.example", "https://*.x.example", true),
        ("https://*.x.example", "https://a.x.example", false),
        ("https://*.a.x.example", "https://*.x.example", true),
        ("https://x.example", "https://*.x.example", false),
        ("https://A.X.example.:443", "https://a.x.example", true),
        ("https://a.x.example:444", "https://a.x.example", false),
        ("http://a.x.example:443", "https://a.x.example", false),
        ("redis://a.example", "tcp://a.example:6379", true),
        ("!https://a.example", "https://a.example", false),
        ("https://a.example", "!https://a.example", true),
        ("!https://a.x.example", "!https://b.example https://*.x.example", false),
        ("tcp://10.0.0.1:1", "tcp://10.0.0.0/8:1", true),
        ("tcp://10.0.0.0/8:1", "tcp://0.0.0.0/0:1", false),
        ("tcp://9.0.0.0/8:1", "tcp://0.0.0.0/0:1", true),
        ("tcp://10.0.0.0/8:1", "tcp://10.0.0.0/9:1 tcp://10.128.0.0/9:1", true),
        ("tcp://10.0.0.0/8:1", "tcp://10.0.0.0/9:1 tcp://10.128.0.0/9:2", false),
        ("tcp://169.254.169.254:1", "tcp://169.254.0.0/16:1", false),
        ("!tcp://0.0.0.0/0:1", "tcp://0.0.0.0/0:1", false),
        ("tcp://10.0.0.0/8:1", "!tcp://0.0.0.0/0:1", true),
        ("tcp://[fd00::1]:1", "tcp://[fd00::]/8:1", true),
        ("tcp://localhost:1", "tcp://127.0.0.0/8:1", false),
    ] {
        let others = grants(others);
        assert_eq!(grant(one).is_within(&others), expected, "{one} within {others:?}");
    }
}

#[test]
fn another_certificate_authority_is_more() {
    let with = |ca: Option<&str>| {
        let mut grant = grant("https://a.example");
        grant.ca = ca.map(Into::into);
        grant
    };
    assert!(with(None).is_within([&with(Some("/ca.pem"))]));
    assert!(!with(Some("/ca.pem")).is_within([&with(None)]));
    assert!(!with(Some("/ca.pem")).is_within([&with(Some("/other.pem"))]));
}

const PREFIXES: &[&str] = &["https://", "tcp://"];
const NAMES: &[&str] = &[
    "x.example",
    "a.x.example",
    "b.a.x.example",
    "localhost",
    "*.x.example",
    "*.a.x.example",
];
/// Each as special throughout as its first address.
const ADDRESSES: &[&str] = &[
    "1.1.1.1",
    "1.1.1.0/24",
    "1.1.1.0/25",
    "1.1.1.128/25",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.128.0.0/9",
    "127.0.0.1",
    "127.0.0.0/8",
    "169.254.169.254",
    "[fd00::1]",
    "[fd00::]/8",
];
/// Ranges that hold what is special beside what is not.
const MIXED: &[&str] = &["0.0.0.0/0", "8.0.0.0/5", "10.0.0.0/7", "169.254.0.0/16", "[::]/0"];

/// Everything that there is to ask for, as far as the entries above can tell anything apart.
fn probes() -> Vec<(NetworkHost, IpAddr, u16)> {
    let names = [
        "x.example",
        "a.x.example",
        "z.x.example",
        "b.a.x.example",
        "z.a.x.example",
        "localhost",
    ];
    let addresses = [
        "1.1.1.1",
        "1.1.1.2",
        "1.1.1.200",
        "8.8.8.8",
        "10.0.0.1",
        "10.9.0.1",
        "10.200.0.1",
        "11.0.0.1",
        "127.0.0.1",
        "127.0.0.2",
        "169.254.1.1",
        "169.254.169.254",
        // Private, and in no range above but one that reaches beyond what is private.
        "192.168.0.1",
        "fd00::1",
        "fd00::2",
        "::1",
        "2606:4700::1",
    ];
    let mut probes = Vec::new();
    for name in names {
        for address in addresses {
            for port in [1, 2] {
                probes.push((NetworkHost::parse(name).unwrap(), address.parse().unwrap(), port));
            }
        }
    }
    probes
}

/// What a policy says to one of them, in every way that can be asked.
fn answers(policy: &NetworkPolicy, (name, address, port): &(NetworkHost, IpAddr, u16)) -> Vec<bool> {
    let literal = NetworkHost::from(*address);
    let mut answers = vec![
        policy.lookup(name).is_ok(),
        policy.lookup(name).is_ok() && policy.answer(name, *address).is_ok(),
        policy.connect((*address, *port).into(), []).is_ok(),
        policy.connect((*address, *port).into(), [name]).is_ok(),
    ];
    for tls in [true, false] {
        answers.push(policy.request(tls, &literal, *port).is_ok());
        let leads = policy.dial(tls, name, *port, *address).is_ok();
        answers.push(policy.request(tls, name, *port).is_ok() && leads);
    }
    answers
}

/// Whether something is allowed now that was not.
fn allows_more(now: &[NetworkGrant], before: &[NetworkGrant]) -> bool {
    let (now, before) = (NetworkPolicy::new(now.to_vec()), NetworkPolicy::new(before.to_vec()));
    let more = |probe| {
        let (now, before) = (answers(&now, probe), answers(&before, probe));
        now.into_iter().zip(before).any(|(now, before)| now && !before)
    };
    probes().iter().any(more)
}

fn entry(hosts: &'static [&'static str], private: bool) -> impl Strategy<Value = NetworkGrant> {
    let private = if private {
        any::<bool>().boxed()
    } else {
        Just(false).boxed()
    };
    (select(PREFIXES), select(hosts), 1..3_u16, private).prop_map(|(scheme, host, port, private)| {
        let mut grant = grant(&format!("{scheme}{host}:{port}"));
        grant.private = private && !matches!(grant.host, HostPattern::NetworkHost(NetworkHost::Address(_)));
        grant
    })
}

fn plain() -> impl Strategy<Value = Vec<NetworkGrant>> {
    prop::collection::vec(prop_oneof![entry(NAMES, true), entry(ADDRESSES, false)], 0..5)
}

fn anything() -> impl Strategy<Value = Vec<NetworkGrant>> {
    let entries = prop_oneof![entry(NAMES, true), entry(ADDRESSES, true), entry(MIXED, true)];
    prop::collection::vec(entries, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn grants_are_within_others_exactly_if_nothing_more_is_allowed(now in plain(), before in plain()) {
        let within = now.iter().all(|grant| grant.is_within(&before));
        prop_assert_eq!(within, !allows_more(&now, &before));
    }

    #[test]
    fn whatever_is_granted_nothing_more_is_taken_for_less(now in anything(), before in anything()) {
        if now.iter().all(|grant| grant.is_within(&before)) {
            prop_assert!(!allows_more(&now, &before));
        }
    }
}
