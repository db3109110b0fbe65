//! TLS: the server's certificate is always checked, by an authority, by its name, or by its fingerprint.

mod end_point;
mod verifier;
mod words;

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use self::verifier::{Trust, Verifier};
use crate::{Error, Result, Settings};

pub use end_point::end_point_hash;
pub use words::explain;

/// Bytes of a SHA-256.
type Fingerprint = [u8; 32];

/// What the manifest says of TLS.
///
/// | setting | meaning |
/// | --- | --- |
/// | `ca` | the authorities to trust, PEM; without it, those that the web trusts (a component has no system store to ask) |
/// | `cert`, `key` | the client's certificate with what signed it, and its key, both PEM |
/// | `server_name` | the name that the certificate is for, where it is not the host's |
/// | `fingerprint` | `sha256:` and the hex SHA-256 of the very certificate to trust, whichever authority signed it; several with commas |
pub struct TlsSettings {
    ca: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    server_name: Option<String>,
    fingerprint: Option<String>,
}

impl fmt::Debug for TlsSettings {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("server_name", &self.server_name)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// What of a certificate is checked, unless a fingerprint says which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// That a trusted authority signed it for this server's name.
    Name,
    /// That a trusted authority signed it, for whichever name.
    Authority,
}

/// What connections are made with.
#[derive(Clone)]
pub struct TlsClient {
    /// For rustls.
    pub config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl TlsClient {
    /// The name to ask the server for, and to check.
    pub fn server_name(&self, host: &str) -> io::Result<ServerName<'static>> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => ServerName::try_from(host.to_owned()).map_err(io::Error::other),
        }
    }
}

impl TlsSettings {
    /// Reads the settings of this table; [`TlsSettings::client`] says what is wrong with one.
    pub fn read(settings: &Settings) -> Result<Self> {
        Ok(Self {
            ca: settings.optional("ca")?,
            cert: settings.optional("cert")?,
            key: settings.optional("key")?,
            server_name: settings.optional("server_name")?,
            fingerprint: settings.optional("fingerprint")?,
        })
    }

    /// The name of the first setting that is there; `None` if it is missing.
    pub fn any(&self) -> Option<&'static str> {
        let settings = [
            ("ca", &self.ca),
            ("cert", &self.cert),
            ("key", &self.key),
            ("server_name", &self.server_name),
            ("fingerprint", &self.fingerprint),
        ];
        settings
            .into_iter()
            .find_map(|(name, value)| value.is_some().then_some(name))
    }

    /// A client with these settings. One that cannot be used is [`Error::Misconfigured`] and named.
    pub fn client(&self, check: Check) -> Result<TlsClient> {
        let provider = Arc::new(ring::default_provider());
        let trust = self.trust(check)?;
        let server_name = self.server_name.clone().map(|name| {
            ServerName::try_from(name).map_err(|_| misconfigured("setting `server_name` is no name of a host"))
        });
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Other(format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { provider, trust }));
        let config = match self.identity()? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| misconfigured(words::of_identity(&error)))?,
        };
        Ok(TlsClient {
            config: Arc::new(config),
            server_name: server_name.transpose()?,
        })
    }

    fn trust(&self, check: Check) -> Result<Trust> {
        if let Some(text) = &self.fingerprint {
            if self.ca.is_some() {
                return Err(misconfigured(
                    "settings `ca` and `fingerprint` are both there: a fingerprint needs no authority, leave one out",
                ));
            }
            let pins = text.split(',').map(fingerprint).collect::<Option<Vec<_>>>();
            return pins.map(Trust::Fingerprints).ok_or_else(|| {
                misconfigured(
                    "setting `fingerprint` is not `sha256:` and 64 hexadecimal digits, as \
                     `openssl x509 -noout -fingerprint -sha256 -in FILE` prints",
                )
            });
        }
        let roots = match &self.ca {
            Some(pem) => private_roots(pem)?,
            None => RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            },
        };
        Ok(Trust::Authorities {
            roots,
            check,
            is_private: self.ca.is_some(),
        })
    }

    fn identity(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>> {
        let (cert, key) = match (&self.cert, &self.key) {
            (None, None) => return Ok(None),
            (Some(cert), Some(key)) => (cert, key),
            (None, Some(_)) => return Err(misconfigured("setting `key` is there without `cert`, its certificate")),
            (Some(_), None) => return Err(misconfigured("setting `cert` is there without `key`, its key")),
        };
        let chain = certificates("cert", cert)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| {
            let what = match &error {
                pem::Error::NoItemsFound if key.contains("ENCRYPTED") => {
                    "it is encrypted; `openssl pkey -in FILE -out FILE` takes the passphrase away".to_owned()
                }
                error => error.to_string(),
            };
            misconfigured(format!(
                "setting `key` holds no usable key ({what}): give it as PEM text"
            ))
        })?;
        Ok(Some((chain, key)))
    }
}

/// With or without `sha256:` and colons, as different programs print it.
fn fingerprint(text: &str) -> Option<Fingerprint> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.strip_prefix("sha256:").unwrap_or(&text);
    let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn private_roots(pem: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", pem)? {
        roots
            .add(certificate)
            .map_err(|error| unusable("ca", &words::of_error(&error)))?;
    }
    Ok(roots)
}

fn certificates(setting: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Err(error) => Err(unusable(setting, &error.to_string())),
        Ok(found) if found.is_empty() => Err(unusable(setting, "none was found")),
        Ok(found) => Ok(found),
    }
}

fn unusable(setting: &str, reason: &str) -> Error {
    misconfigured(format!(
        "setting `{setting}` holds no usable certificate ({reason}): give it as PEM text, from \
         -----BEGIN CERTIFICATE----- on"
    ))
}

fn misconfigured(text: impl Into<String>) -> Error {
    Error::Misconfigured(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(pairs: &[(&str, &str)]) -> Result<TlsClient> {
        let settings = Settings::from_pairs(pairs.iter().copied());
        TlsSettings::read(&settings)?.client(Check::Name)
    }

    #[test]
    fn without_settings_the_authorities_of_the_web_are_trusted() {
        let client = client(&[]).unwrap();
        assert_eq!(
            client.server_name("db.example").unwrap(),
            ServerName::try_from("db.example").unwrap()
        );
    }

    #[test]
    fn a_name_of_its_own_is_asked_for() {
        let client = client(&[("server_name", "db.internal")]).unwrap();
        assert_eq!(
            client.server_name("10.0.0.1").unwrap(),
            ServerName::try_from("db.internal").unwrap()
        );
    }

    #[test]
    fn fingerprints_are_read_as_programs_print_them() {
        let hex = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        let right = [0xab; 32];
        for text in [hex.clone(), format!("sha256:{hex}"), format!("SHA256:{colons}"), colons] {
            assert_eq!(fingerprint(&text), Some(right), "{text}");
        }
        for text in [
            "",
            "sha256:",
            "sha256:ab",
            &format!("{hex}c"),
            &format!("{hex}zz"),
            "sha1:ab",
        ] {
            assert_eq!(fingerprint(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_the_name_of_the_setting() {
        let torn = "-----BEGIN CERTIFICATE-----\nMIIB";
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let pin = format!("sha256:{}", "ab".repeat(32));
        let wrong: [(&str, &[(&str, &str)]); 11] = [
            ("`ca`", &[("ca", "")]),
            ("`ca`", &[("ca", "certificate")]),
            ("`ca`", &[("ca", torn)]),
            ("`ca`", &[("ca", empty)]),
            ("`cert`", &[("key", "hunter2")]),
            ("`key`", &[("cert", empty)]),
            ("`cert`", &[("cert", "none"), ("key", "hunter2")]),
            ("openssl pkey", &[("cert", empty), ("key", locked)]),
            ("`server_name`", &[("server_name", "a b")]),
            ("`fingerprint`", &[("fingerprint", "sha1:00")]),
            ("`ca` and `fingerprint`", &[("ca", empty), ("fingerprint", &pin)]),
        ];
        for (word, pairs) in wrong {
            let error = client(pairs).unwrap_err();
            let text = error.to_string();
            assert!(
                matches!(&error, Error::Misconfigured(_)) && text.contains(word),
                "{text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
