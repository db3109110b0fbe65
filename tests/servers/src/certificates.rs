use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::ServerError;

/// A certificate authority, and a server's certificate for `localhost` and 127.0.0.1: both made for this value, in
/// files that are there as long as it is.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
    ca: String,
}

impl Certificates {
    /// Makes them.
    pub fn new() -> Result<Self, ServerError> {
        let dir = tempfile::tempdir().map_err(ServerError::io("make a folder for certificates"))?;
        let mut authority = CertificateParams::new([])?;
        // With the name that both would have by default, the server's looks as if it had signed itself.
        authority
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = CertificateParams::new(names)?.signed_by(&key, &authority)?;
        let made = Self {
            dir,
            ca: authority.pem(),
        };
        for (path, content) in [
            (made.ca_file(), &made.ca),
            (made.certificate_file(), &server.pem()),
            (made.key_file(), &key.serialize_pem()),
        ] {
            fs::write(&path, content).map_err(ServerError::io(format!("write {}", path.display())))?;
        }
        Ok(made)
    }

    /// The authority's certificate, for clients: PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// The file with the authority's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The file with the server's certificate.
    pub fn certificate_file(&self) -> PathBuf {
        self.dir.path().join("server.pem")
    }

    /// The file with the server's key.
    pub fn key_file(&self) -> PathBuf {
        self.dir.path().join("server.key")
    }
}
