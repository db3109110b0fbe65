use super::*;

#[test]
fn a_scheme_says_how_and_means_a_port() {
    for (text, transport, port) in [
        ("http://a.example", Transport::Http, 80),
        ("HTTPS://a.example", Transport::Https, 443),
        ("https://*.a.example:8443", Transport::Https, 8443),
        ("redis://127.0.0.1", Transport::Tcp, 6379),
        ("rediss://a.example", Transport::Tcp, 6379),
        ("postgres://a.example", Transport::Tcp, 5432),
        ("postgresql://[::1]", Transport::Tcp, 5432),
        ("tcp://10.0.0.5:7000", Transport::Tcp, 7000),
        ("tls://a.example:1", Transport::Tcp, 1),
        ("tcp://10.0.0.0/8:6379", Transport::Tcp, 6379),
        ("tcp://[fd00::]/8:65535", Transport::Tcp, 65535),
        ("http://[::1]:9000", Transport::Http, 9000),
    ] {
        let grant = NetworkGrant::parse(text).unwrap();
        assert_eq!((grant.transport, grant.port), (transport, port), "{text}");
        assert_eq!(grant.to_string(), text);
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (text, expected) in [
        ("a.example", "has no scheme"),
        ("", "has no scheme"),
        ("ftp://a.example", "not one of the schemes"),
        ("tcp://a.example", "means no port of its own"),
        ("tls://10.0.0.0/8", "means no port of its own"),
        ("http://", "no host"),
        ("http://:80", "no host"),
        ("http://a.example:", "no port"),
        ("http://a.example:0", "no port"),
        ("http://a.example:65536", "no port"),
        ("http://a.example:+80", "no port"),
        ("http://a.example:http", "no port"),
        ("http://a.example/", "more than a host"),
        ("http://a.example:80/", "more than a host"),
        ("http://a.example/path", "more than a host"),
        ("http://a.example?query", "more than a host"),
        ("http://a.example#part", "more than a host"),
        ("http://127.0.0.1:80/path", "more than a host"),
        ("http://127.0.0.1/path", "no range"),
        ("http://127.1", "unusual spelling"),
        ("http://::1", "no host name"),
        ("http://*", "wildcard"),
        ("http://0.0.0.0", "nobody can be connected to"),
    ] {
        let error = NetworkGrant::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_password_is_never_repeated() {
    for text in [
        "redis://user:hunter2@a.example:6379",
        "user:hunter2@a.example",
        "redis://:hunter2@a.example/0",
    ] {
        let error = NetworkGrant::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_table_says_more() {
    #[derive(Debug, Deserialize)]
    struct File {
        network: Vec<NetworkGrant>,
    }
    let parse = |text: &str| toml::from_str::<File>(text).map_err(|error| error.message().to_owned());
    let file =
        parse("network = [\"http://a.example\", { to = \"https://b.example\", private = true, ca = \"ca.pem\" }]");
    let [plain, table] = file.unwrap().network.try_into().unwrap();
    assert_eq!((plain.private, plain.ca), (false, None));
    assert_eq!((table.private, table.ca.as_deref()), (true, Some(Path::new("ca.pem"))));
    for (text, expected) in [
        ("network = [{ private = true }]", "missing field `to`"),
        (
            "network = [{ to = \"http://a.example\", privat = true }]",
            "unknown field `privat`",
        ),
        (
            "network = [{ to = \"tcp://10.0.0.1:1\", private = true }]",
            "private = true is for names",
        ),
        (
            "network = [{ to = \"http://a.example\", ca = \"ca.pem\" }]",
            "ca is for https",
        ),
        ("network = [{ to = \"a.example\" }]", "has no scheme"),
        ("network = [80]", "scheme://host:port"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
