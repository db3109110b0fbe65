//! TLS for adapters that open sockets of their own (feature `tls`): the certificate and the host's name are always
//! checked.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::{Error, Result};

/// A client that trusts the authorities in `ca`, PEM text with one certificate or more; without it, those that the web
/// trusts (a component has no system store to ask).
///
/// Text without a usable certificate is [`Error::Misconfigured`] and names the setting `ca`.
pub fn client(ca: Option<&str>) -> Result<Arc<ClientConfig>> {
    let roots = match ca {
        Some(pem) => private_roots(pem)?,
        None => RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        },
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Other(format!("TLS cannot be set up: {error}")))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn private_roots(pem: &str) -> Result<RootCertStore> {
    let unusable = |reason: &str| {
        Error::Misconfigured(format!(
            "setting `ca` holds no usable certificate ({reason}): give the authority's certificate as PEM text, from \
             -----BEGIN CERTIFICATE----- on"
        ))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| unusable(&error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(&error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("none was found"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_authority_the_web_s_are_trusted() {
        assert!(client(None).is_ok());
    }

    #[test]
    fn text_without_a_certificate_is_refused_by_the_name_of_the_setting() {
        let torn = "-----BEGIN CERTIFICATE-----\nMIIB";
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "certificate", torn, empty] {
            let error = client(Some(pem)).unwrap_err();
            assert!(
                matches!(&error, Error::Misconfigured(text) if text.contains("`ca`")),
                "{error}"
            );
        }
    }
}
