//! What is wrong with TLS, in words that a person can act on.

use std::io::{self, ErrorKind};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};

use super::Fingerprint;

/// Makes a certificate that works both as the server's own and as `ca`.
const MAKE: &str = "make it anew: openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=HOST -addext \
     subjectAltName=DNS:HOST -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.crt";

/// An error of a socket whose cause is TLS, in words: [`ErrorKind::InvalidData`] where settings or certificates are to
/// be mended, [`ErrorKind::ConnectionAborted`] where it may pass. Other errors come back as they are.
pub fn explain(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    let Some(cause) = cause else { return error };
    let kind = match cause {
        Error::AlertReceived(AlertDescription::InternalError | AlertDescription::UserCanceled)
        | Error::PeerMisbehaved(_)
        | Error::DecryptError => ErrorKind::ConnectionAborted,
        _ => ErrorKind::InvalidData,
    };
    io::Error::new(kind, of_error(cause))
}

/// Any error of TLS.
pub(super) fn of_error(error: &Error) -> String {
    match error {
        // The verifier's own words.
        Error::General(words) => words.clone(),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) => format!("the other side does not speak TLS ({error}): is it a TLS port?"),
        Error::InvalidCertificate(error) => of_format(error),
        _ => error.to_string(),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server wants a client certificate: set `cert` and `key`".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        // What OpenSSL says where an authority has the right name and another key.
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => format!(
            "the server refuses the client certificate ({alert:?}): set `cert` and `key` to one that the server's \
             authority signed (openssl verify -CAfile CA CERT)"
        ),
        AlertDescription::UnrecognisedName => {
            "the server knows no such name: set `server_name` to the name of its certificate".to_owned()
        }
        AlertDescription::ProtocolVersion => "the server speaks neither TLS 1.2 nor 1.3".to_owned(),
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            format!("the server accepts none of the ways to encrypt ({alert:?}), or wants a client certificate (`cert`, `key`)")
        }
        _ => format!("the server ended TLS with the alert {alert:?}"),
    }
}

/// Why no certificate but the pinned one is taken.
pub(super) fn another_fingerprint(seen: &Fingerprint) -> String {
    format!(
        "the server's certificate is not the one of setting `fingerprint`: its fingerprint is {}",
        text(seen)
    )
}

/// What is wrong with a server's certificate.
pub(super) fn of_certificate(error: &Error, name: &ServerName<'_>, has_ca: bool, seen: &Fingerprint) -> String {
    let certificate = match error {
        Error::InvalidCertificate(certificate) => certificate,
        other => return other.to_string(),
    };
    let pin = format!("trust this very certificate with `fingerprint = \"{}\"`", text(seen));
    match certificate {
        CertificateError::UnknownIssuer if has_ca => format!(
            "the server's certificate was not signed by an authority of setting `ca`, or the server does not send the \
             certificates in between: give the right authority in `ca`, or {pin}"
        ),
        CertificateError::UnknownIssuer => format!(
            "the server's certificate was not signed by an authority that the web trusts, and none is believed \
             without a check: give its authority in `ca`, or {pin}"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "{}; set `server_name` to a name that it is for",
                of_name(certificate, name)
            )
        }
        _ => format!("{}; or {pin}", of_format(certificate)),
    }
}

fn of_name(error: &CertificateError, name: &ServerName<'_>) -> String {
    let presented = match error {
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("it is for {}", presented.join(", "))
        }
        _ => "it is for no name (a common name alone does not count)".to_owned(),
    };
    format!("the server's certificate is not for {:?}: {presented}", name.to_str())
}

fn of_format(error: &CertificateError) -> String {
    // The reasons that webpki alone knows are seen in its words only.
    let said = format!("{error:?}");
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired, or this machine's clock is wrong: renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or this machine's clock is wrong".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the server's certificate is not meant for servers (extendedKeyUsage lacks serverAuth)".to_owned()
        }
        CertificateError::BadSignature => "the server's certificate has a wrong signature: `ca` has the name of its \
             authority, but another key"
            .to_owned(),
        _ if said.contains("CaUsedAsEndEntity") => {
            format!("the server shows an authority's own certificate (basicConstraints says CA:TRUE); {MAKE}")
        }
        _ if said.contains("UnsupportedCertVersion") => {
            format!("the server's certificate is of version 1, which has no place for names; {MAKE}")
        }
        _ => format!("the server's certificate cannot be used ({error})"),
    }
}

/// What is wrong with the client's own certificate and key.
pub(super) fn of_identity(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(_) => {
            "setting `key` is not the key of the first certificate in `cert`: both must print the same with `openssl \
             pkey -in KEY -pubout` and `openssl x509 -in CERT -noout -pubkey`"
                .to_owned()
        }
        _ => format!("settings `cert` and `key` cannot be used: {error}"),
    }
}

fn text(fingerprint: &Fingerprint) -> String {
    let digits: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_say_what_to_set() {
        let error = io::Error::new(
            ErrorKind::InvalidData,
            Error::AlertReceived(AlertDescription::CertificateRequired),
        );
        let told = explain(error);
        assert_eq!(told.kind(), ErrorKind::InvalidData);
        assert!(told.to_string().contains("`cert` and `key`"), "{told}");
    }

    #[test]
    fn what_may_pass_is_not_taken_for_a_wrong_setting() {
        let error = io::Error::new(
            ErrorKind::InvalidData,
            Error::AlertReceived(AlertDescription::InternalError),
        );
        assert_eq!(explain(error).kind(), ErrorKind::ConnectionAborted);
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let told = explain(io::Error::from(ErrorKind::BrokenPipe));
        assert_eq!(told.kind(), ErrorKind::BrokenPipe);
    }
}
