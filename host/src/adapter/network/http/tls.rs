use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::adapter::AdapterError;

/// How TLS is spoken: certificates and names are always verified, against what the system trusts and `ca`.
pub(super) fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, AdapterError> {
    let mut roots = system_roots();
    if let Some(ca) = ca {
        add(&mut roots, ca).map_err(|reason| AdapterError::Certificates {
            path: ca.to_owned(),
            reason,
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| AdapterError::Engine(error.to_string()))?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}

/// What the system trusts; what Mozilla trusts, on a system that says nothing.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("a certificate that the system trusts cannot be read: {error}");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn add(roots: &mut RootCertStore, ca: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(ca).map_err(|error| error.to_string())?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.len() > before {
        true => Ok(()),
        false => Err("there is no certificate in it".to_owned()),
    }
}
