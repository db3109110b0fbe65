use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::{Check, Fingerprint, words};

/// Which certificates are trusted.
#[derive(Debug)]
pub(super) enum Trust {
    /// These very ones; signatures and dates do not matter.
    Fingerprints(Vec<Fingerprint>),
    /// Those that an authority signed.
    Authorities {
        roots: RootCertStore,
        check: Check,
        /// Whether they are those of the setting `ca`, for errors.
        is_private: bool,
    },
}

/// Checks a server's certificate, and says in words what is wrong with it. Whether the server holds the certificate's
/// key is always checked.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) trust: Trust,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = Fingerprint::from(Sha256::digest(certificate));
        match &self.trust {
            Trust::Fingerprints(trusted) if trusted.contains(&seen) => {}
            Trust::Fingerprints(_) => return Err(Error::General(words::another_fingerprint(&seen))),
            Trust::Authorities {
                roots,
                check,
                is_private,
            } => self
                .signed(
                    certificate,
                    intermediates,
                    roots,
                    now,
                    (*check == Check::Name).then_some(name),
                )
                .map_err(|error| Error::General(words::of_certificate(&error, name, *is_private, &seen)))?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    fn signed(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        roots: &RootCertStore,
        now: UnixTime,
        name: Option<&ServerName<'_>>,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        name.map_or(Ok(()), |name| verify_server_name(&parsed, name))
    }
}
