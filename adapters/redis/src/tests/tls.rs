//! TLS with an authority of the test's own.

use mirrorbox_adapter::Error;
use mirrorbox_adapter_rules::streams::{append_up_to, fresh_key, numbers};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::server::TestServer;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "authority of a test");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate of that name, and its key: PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A server whose certificate is for that name.
    fn server(&self, name: &str) -> TestServer {
        self.server_that_asks(name, "no")
    }

    /// The same; `clients` is whether clients must show a certificate.
    fn server_that_asks(&self, name: &str, clients: &str) -> TestServer {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = self.sign(name);
        let path = |file: &str| dir.path().join(file).display().to_string();
        let (cert, private, ca) = (path("cert.pem"), path("key.pem"), path("ca.pem"));
        std::fs::write(&cert, certificate).unwrap();
        std::fs::write(&private, key).unwrap();
        std::fs::write(&ca, self.0.pem()).unwrap();
        let tls = [
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &private,
            "--tls-ca-cert-file",
            &ca,
        ];
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
            .to_string();
        let arguments = [&tls[..], &["--tls-port", &port, "--tls-auth-clients", clients]].concat();
        let mut server = TestServer::start_in(dir, &arguments);
        server.tls_port = Some(port);
        server
    }
}

#[test]
fn a_certificate_of_the_given_authority_is_trusted() {
    let authority = Authority::new();
    let server = authority.server("localhost");
    let (url, ca) = (server.tls_url("localhost"), authority.0.pem());
    let mut adapter = server.open(&[("url", &url), ("ca", &ca)]).unwrap();
    let key = fresh_key();
    append_up_to(&mut adapter, &key, 3);
    assert_eq!(numbers(&mut adapter, &key), [1, 2, 3]);
}

#[test]
fn any_other_certificate_is_refused() {
    let authority = Authority::new();
    let server = authority.server("localhost");
    let (ca, foreign) = (authority.0.pem(), Authority::new().0.pem());
    let refused = [
        (server.tls_url("localhost"), Some(&foreign)),
        (server.tls_url("localhost"), None),
        (server.tls_url("127.0.0.1"), Some(&ca)),
    ];
    for (url, ca) in refused {
        let mut settings = vec![("url", url.as_str())];
        settings.extend(ca.map(|ca| ("ca", ca.as_str())));
        let error = server.open(&settings).unwrap_err();
        assert!(
            matches!(&error, Error::Misconfigured(text) if text.contains("`fingerprint = ") || text.contains("`server_name`")),
            "{error}"
        );
        assert!(error.to_string().contains("openssl s_client -connect"), "{error}");
    }
    let url = server.tls_url("127.0.0.1");
    server
        .open(&[("url", &url), ("ca", &ca), ("server_name", "localhost")])
        .unwrap();
}

#[test]
fn a_certificate_is_pinned_whichever_authority_signed_it() {
    let server = Authority::new().server("elsewhere");
    let url = server.tls_url("localhost");
    let told = server.open(&[("url", &url)]).unwrap_err().to_string();
    let (_, pin) = told.split_once("sha256:").expect(&told);
    let pin = format!("sha256:{}", &pin[..64]);
    server.open(&[("url", &url), ("fingerprint", &pin)]).unwrap();
}

#[test]
fn a_server_that_wants_a_client_certificate_gets_one() {
    let authority = Authority::new();
    let server = authority.server_that_asks("localhost", "yes");
    let (url, ca) = (server.tls_url("localhost"), authority.0.pem());
    let base = [("url", url.as_str()), ("ca", ca.as_str())];
    let error = server.open(&base).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(text) if text.contains("`cert` and `key`")),
        "{error}"
    );
    let (cert, key) = authority.sign("client");
    let settings = [&base[..], &[("cert", cert.as_str()), ("key", key.as_str())]].concat();
    append_up_to(&mut server.open(&settings).unwrap(), &fresh_key(), 2);
}

#[test]
fn a_port_without_tls_is_told() {
    let server = TestServer::shared();
    let url = server.url().replace("redis:", "rediss:");
    let error = server.open(&[("url", &url)]).unwrap_err();
    assert!(
        matches!(&error, Error::Misconfigured(_) | Error::Unavailable(_)),
        "{error}"
    );
}
