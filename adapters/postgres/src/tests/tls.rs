//! TLS with an authority of the test's own.

use mirrorbox_adapter::{Adapter, Error, Result, Settings};
use mirrorbox_adapter_rules::streams::{append_up_to, fresh_key, numbers};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::server::{PASSWORD, TestServer};
use crate::Postgres;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate of that name, and its key: PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A server whose certificate is for that name.
    fn server(&self, name: &str) -> TestServer {
        let (certificate, key) = self.sign(name);
        TestServer::start_with(&["ssl=on"], &[("server.crt", certificate), ("server.key", key)])
    }
}

/// For another name than the one that leads to it.
fn elsewhere() -> (Authority, TestServer) {
    let authority = Authority::new();
    let server = authority.server("db.internal");
    (authority, server)
}

fn is_misconfigured(result: Result<Postgres>, words: &[&str]) {
    let Err(Error::Misconfigured(text)) = result else {
        panic!("{result:?}")
    };
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    for raw in ["OtherError", "UnknownIssuer", "NotValidForName"] {
        assert!(!text.contains(raw), "{text}");
    }
}

/// The fingerprint that an error tells.
fn told_fingerprint(result: Result<Postgres>) -> String {
    let text = result.unwrap_err().to_string();
    let (_, rest) = text.split_once("sha256:").expect(&text);
    format!("sha256:{}", &rest[..64])
}

#[test]
fn only_a_certificate_of_the_given_authority_for_this_host_is_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.server("localhost");
    let localhost = server.url().replace("127.0.0.1", "localhost");
    let (ca, foreign) = (authority.0.pem(), other.0.pem());
    let full = |url: &str, ca: &str| server.open(&[("url", url), ("sslmode", "verify-full"), ("ca", ca)]);
    is_misconfigured(
        full(&localhost, &foreign),
        &["`ca`", "openssl s_client -starttls postgres"],
    );
    is_misconfigured(full(&server.url(), &ca), &["`server_name`", "localhost"]);
    let settings = [("url", localhost.as_str()), ("sslmode", "require")];
    is_misconfigured(server.open(&settings), &["without a check", "`ca`", "`fingerprint = "]);
    let mut adapter = full(&localhost, &ca).unwrap();
    let key = fresh_key();
    append_up_to(&mut adapter, &key, 3);
    assert_eq!(numbers(&mut adapter, &key), [1, 2, 3]);
    assert_eq!(server.psql("SELECT bool_or(ssl) FROM pg_stat_ssl"), "t");
}

#[test]
fn another_name_is_said_or_not_checked() {
    let (authority, server) = elsewhere();
    let (ca, foreign) = (authority.0.pem(), Authority::new().0.pem());
    let named = [("server_name", "db.internal"), ("ca", ca.as_str())];
    server.open(&named).unwrap();
    server.open(&[("sslmode", "verify-ca"), ("ca", &ca)]).unwrap();
    is_misconfigured(server.open(&[("sslmode", "verify-ca"), ("ca", &foreign)]), &["`ca`"]);
}

#[test]
fn a_certificate_is_pinned_whichever_authority_signed_it() {
    let (_, server) = elsewhere();
    let pin = told_fingerprint(server.open(&[("sslmode", "require")]));
    server.open(&[("fingerprint", &pin)]).unwrap();
    let other = format!("sha256:{}", "ab".repeat(32));
    let refused = server.open(&[("fingerprint", &other)]);
    assert_eq!(told_fingerprint(refused), pin);
    let rotated = format!("{other}, {pin}");
    server.open(&[("fingerprint", &rotated)]).unwrap();
}

/// What `openssl req -new -x509` makes: an authority's certificate as the server's own.
#[test]
fn a_certificate_that_signed_itself_is_told_and_can_be_pinned() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let files = [("server.crt", pem.clone()), ("server.key", key.serialize_pem())];
    let server = TestServer::start_with(&["ssl=on"], &files);
    let url = server.url().replace("127.0.0.1", "localhost");
    let refused = server.open(&[("url", &url), ("ca", &pem)]);
    let pin = told_fingerprint(server.open(&[("url", &url), ("ca", &pem)]));
    is_misconfigured(refused, &["CA:TRUE", "openssl req -x509", "`fingerprint = "]);
    server.open(&[("url", &url), ("fingerprint", &pin)]).unwrap();
}

#[test]
fn a_server_that_wants_a_client_certificate_gets_one() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("localhost");
    let files = [
        ("server.crt", certificate),
        ("server.key", key),
        ("root.crt", authority.0.pem()),
        ("pg_hba.conf", "hostssl all all 127.0.0.1/32 cert\n".to_owned()),
    ];
    let server = TestServer::start_with(&["ssl=on", "ssl_ca_file=root.crt"], &files);
    let (ca, (cert, key)) = (authority.0.pem(), authority.sign("postgres"));
    let url = server.url().replace("127.0.0.1", "localhost");
    let base = [("url", url.as_str()), ("ca", ca.as_str())];
    let open = |more: &[(&str, &str)]| Postgres::open(&Settings::from_pairs([&base[..], more].concat()));
    let without = open(&[("password", PASSWORD)]).unwrap_err();
    assert!(
        matches!(&without, Error::Denied(text) if text.contains("`cert` and `key`")),
        "{without}"
    );
    open(&[("cert", &cert), ("key", &key)]).unwrap();
    let (foreign, foreign_key) = Authority::new().sign("postgres");
    let refused = open(&[("cert", &foreign), ("key", &foreign_key)]);
    is_misconfigured(refused, &["client certificate", "`cert` and `key`"]);
    is_misconfigured(open(&[("cert", &cert), ("key", &foreign_key)]), &["`key`", "`cert`"]);
}

/// A login that is bound to the TLS channel (SCRAM-SHA-256-PLUS), which consoles paste.
#[test]
fn channel_binding_can_be_required() {
    let (authority, server) = elsewhere();
    let ca = authority.0.pem();
    let url = format!("{}?channel_binding=require&sslmode=verify-ca", server.url());
    server.open(&[("url", &url), ("ca", &ca)]).unwrap();
    let plain = format!("{}?channel_binding=require&sslmode=disable", server.url());
    is_misconfigured(server.open(&[("url", &plain)]), &["channel_binding"]);
}

#[test]
fn a_server_without_tls_is_refused() {
    let server = TestServer::shared();
    let error = server.open(&[("sslmode", "verify-full")]).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("`sslmode`")),
        "{error}"
    );
}
