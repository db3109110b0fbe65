use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::adapter::AdapterError;

/// All that Mozilla trusts is a quarter of a megabyte.
const MOST_PEM: u64 = 4 << 20;

#[cfg(unix)]
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

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
    let pem = read(ca).map_err(|error| error.to_string())?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.len() > before {
        true => Ok(()),
        false => Err("there is no certificate in it".to_owned()),
    }
}

/// The bytes of a regular file. A fifo would block until another process writes to it, and a device never ends.
fn read(ca: &Path) -> io::Result<Vec<u8>> {
    let mut options = File::options();
    options.read(true);
    // Between a look at the path and its opening, another file may take its place: so nothing blocks here.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NONBLOCK);
    let file = options.open(ca)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut pem = Vec::new();
    file.take(MOST_PEM + 1).read_to_end(&mut pem)?;
    match pem.len() as u64 > MOST_PEM {
        true => Err(io::Error::other(format!("it is larger than {} MiB", MOST_PEM >> 20))),
        false => Ok(pem),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_of_certificates_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        for (path, reason) in [
            (fifo.as_path(), "no regular file"),
            (Path::new("/dev/zero"), "no regular file"),
            (dir.path(), "no regular file"),
            (Path::new("/dev/null/ca.pem"), "Not a directory"),
        ] {
            let error = config(Some(path)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let large = dir.path().join("large");
        File::create(&large).unwrap().set_len(MOST_PEM + 1).unwrap();
        let error = config(Some(&large)).unwrap_err().to_string();
        assert!(error.contains("larger than"), "{error}");
    }
}
