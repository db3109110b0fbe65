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
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server whose certificate is for that name.
    fn server(&self, name: &str) -> TestServer {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let files = [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())];
        TestServer::start_with(&["ssl=on"], &files)
    }
}

#[test]
fn only_a_certificate_of_the_given_authority_for_this_host_is_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.server("localhost");
    let localhost = server.url().replace("127.0.0.1", "localhost");
    let (ca, foreign) = (authority.0.pem(), other.0.pem());
    let refused = [(&localhost, foreign.as_str()), (&server.url(), ca.as_str())];
    for (url, ca) in refused {
        let error = server
            .open(&[("url", url), ("sslmode", "verify-full"), ("ca", ca)])
            .unwrap_err();
        assert!(
            matches!(&error, Error::Misconfigured(text) if text.contains("`ca`")),
            "{error}"
        );
    }
    let settings = [("url", localhost.as_str()), ("sslmode", "verify-full")];
    assert!(matches!(server.open(&settings), Err(Error::Misconfigured(_))));
    let mut adapter = server.open(&[settings[0], settings[1], ("ca", &ca)]).unwrap();
    let key = fresh_key();
    append_up_to(&mut adapter, &key, 3);
    assert_eq!(numbers(&mut adapter, &key), [1, 2, 3]);
    assert_eq!(server.psql("SELECT bool_or(ssl) FROM pg_stat_ssl"), "t");
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
