//! Spellings of hosts and patterns: those that are accepted, and those that are refused.

use super::*;

#[test]
fn a_host_has_one_spelling() {
    for (text, expected) in [
        ("example.com", "example.com"),
        ("Example.COM.", "example.com"),
        ("xn--BCHER-kva.example", "xn--bcher-kva.example"),
        ("under_score.example", "under_score.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("[0:0::0001]", "[::1]"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("[::ffff:a00:1]", "10.0.0.1"),
        ("64:ff9b::10.0.0.1", "[64:ff9b::a00:1]"),
        ("0x7f.example", "0x7f.example"),
        ("1.example", "1.example"),
    ] {
        assert_eq!(NetworkHost::parse(text).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn what_some_read_as_an_address_is_refused() {
    for text in [
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "127.0.0.1.",
        "127.0.0.0x1",
        "256.0.0.1",
        "example.1",
        "0x",
        "0X7F000001",
        "00000177.0.0.1",
    ] {
        assert!(
            matches!(NetworkHost::parse(text), Err(NetworkHostError::OddAddress(_))),
            "{text}: {:?}",
            NetworkHost::parse(text)
        );
    }
}

#[test]
fn what_is_no_host_is_refused() {
    let long = "a".repeat(64);
    let longer = "a.".repeat(128);
    for text in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a b",
        "a/b",
        "a:80",
        "[::1",
        "::1]",
        "[127.0.0.1]",
        "[]",
        "fe80::1%eth0",
        "bücher.example",
        "a\0b",
        "user@host",
        "*",
        "*.example.com",
        "１２７.0.0.1",
        "example.com。",
        &long,
        &longer,
    ] {
        assert!(
            NetworkHost::parse(text).is_err(),
            "{text}: {:?}",
            NetworkHost::parse(text)
        );
    }
    assert!(NetworkHost::parse(&"a.".repeat(127)).is_ok());
}

#[test]
fn patterns_match_what_they_say() {
    for (pattern, host, expected) in [
        ("example.com", "example.com", true),
        ("EXAMPLE.com.", "example.COM", true),
        ("example.com", "www.example.com", false),
        ("example.com", "example.com.evil.example", false),
        ("example.com", "badexample.com", false),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "a.b.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "badexample.com", false),
        ("*.example.com", "a.example.com.evil.example", false),
        ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "::ffff:10.0.0.1", true),
        ("10.0.0.1", "64:ff9b::10.0.0.1", false),
        ("10.0.0.1", "2002:a00:1::", false),
        ("10.0.0.1", "10.0.0.10", false),
        ("[::1]", "::1", true),
        ("[::1]", "127.0.0.1", false),
        ("10.0.0.0/8", "10.255.255.255", true),
        ("10.1.2.3/8", "10.0.0.0", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("10.0.0.0/8", "64:ff9b::10.0.0.1", false),
        ("10.0.0.0/8", "ten.example", false),
        ("10.0.0.7/32", "10.0.0.7", true),
        ("[fd00::]/8", "fd12::1", true),
        ("[fd00::]/8", "fc00::1", false),
        ("0.0.0.0/0", "1.1.1.1", true),
        ("0.0.0.0/0", "2606:4700::1", false),
    ] {
        let matched = HostPattern::parse(pattern)
            .unwrap()
            .matches(&NetworkHost::parse(host).unwrap());
        assert_eq!(matched, expected, "{pattern} {host}");
    }
}

#[test]
fn a_pattern_is_written_as_it_is_read() {
    for text in [
        "example.com",
        "*.example.com",
        "10.0.0.1",
        "[::1]",
        "10.0.0.0/8",
        "[fd00::]/8",
    ] {
        assert_eq!(HostPattern::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn nonsense_is_no_pattern() {
    for text in [
        "*",
        "*.",
        "*.com",
        "a.*.com",
        "*a.example.com",
        "**.example.com",
        "*.*.com",
        "*.10.0.0.1",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "[fd00::]/129",
        "fd00::/8",
        "a/8",
        "/8",
        "0.0.0.0",
        "[::]",
        "224.0.0.1",
        "255.255.255.255",
        "[ff02::1]",
        "[::ffff:0.0.0.0]",
        "[64:ff9b::224.0.0.1]",
    ] {
        assert!(
            HostPattern::parse(text).is_err(),
            "{text}: {:?}",
            HostPattern::parse(text)
        );
    }
}
