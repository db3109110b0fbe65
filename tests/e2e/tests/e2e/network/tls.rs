//! TLS that the host speaks for `https`.

use std::path::Path;
use std::sync::Arc;

use mirrorbox::adapter::AdapterError;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::server::Server;
use super::{ONE, entry, granted, load, run};

/// Signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes its certificate down.
    fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).unwrap();
    }

    /// A server's end of TLS, with a certificate for these names.
    fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.into()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            );
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

fn with_ca(url: &str, ca: &Path) -> String {
    format!("{{ to = {url:?}, ca = {ca:?} }}")
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_the_grant_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (dir.path().join("ours.pem"), dir.path().join("other.pem"));
    let authority = Authority::new();
    authority.write(&ours);
    Authority::new().write(&other);
    let server = Server::https(authority.acceptor(&["127.0.0.1", "localhost"])).await;

    for url in [
        format!("https://{}", server.address),
        format!("https://localhost:{}", server.address.port()),
    ] {
        let get = format!("GET {url}/bytes/100000 times=10");
        let before = server.connections();
        let adapter = granted(&[with_ca(&url, &ours)]).await;
        assert_eq!(run(&adapter, &get).await, "200 100000");
        assert_eq!(run(&adapter, &get).await, "200 100000");
        assert_eq!(server.connections() - before, 1);

        for entry in [with_ca(&url, &other), entry(&url)] {
            let told = run(&granted(&[entry]).await, &get).await;
            assert_eq!(told, "failed: ErrorCode::TlsCertificateError");
        }
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let authority = Authority::new();
    authority.write(&ca);
    let server = Server::https(authority.acceptor(&["elsewhere.example"])).await;
    let url = format!("https://{}", server.address);
    let adapter = granted(&[with_ca(&url, &ca)]).await;
    let told = run(&adapter, format!("GET {url}/bytes/1")).await;
    assert_eq!(told, "failed: ErrorCode::TlsCertificateError");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_server_without_tls_is_no_https_server() {
    let server = Server::http().await;
    let url = format!("https://{}", server.address);
    let adapter = granted(&[entry(&url)]).await;
    let told = run(&adapter, format!("GET {url}/bytes/1 first=2000 connect=2000")).await;
    assert!(told.starts_with("failed: "), "{told}");
    let clear = format!("GET http://{}/bytes/1", server.address);
    assert_eq!(run(&adapter, clear).await, "failed: ErrorCode::HttpRequestDenied");
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (absent, empty) = (dir.path().join("absent.pem"), dir.path().join("empty.pem"));
    std::fs::write(&empty, "").unwrap();
    for ca in [absent, empty] {
        let error = load(ONE, &[with_ca("https://localhost", &ca)]).await.unwrap_err();
        assert!(matches!(error, AdapterError::Certificates { .. }), "{error}");
        assert!(error.to_string().contains(ca.to_str().unwrap()), "{error}");
    }
}
