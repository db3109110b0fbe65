//! What went wrong, as `wasi:http` has words for it.

use std::error::Error as _;
use std::io;

use wasmtime_wasi_http::Error;

/// An error of a connection that was made.
pub(super) fn of_hyper(error: &hyper::Error) -> Error {
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_user() {
        // The guest gave up on its own body.
        Error::InternalError(Some("the request's body ended early".to_owned()))
    } else {
        match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
            // The middle of a body is no place for a connection to end.
            Some(source) if source.kind() == io::ErrorKind::UnexpectedEof => Error::HttpResponseIncomplete,
            Some(source) if cause(source).is_some() => of_tls(source),
            _ => Error::ConnectionTerminated,
        }
    }
}

/// Whether the other side closed the connection before it answered.
pub(super) fn is_reset(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| {
        matches!(
            source.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        )
    })
}

/// An error of making a connection.
pub(super) fn of_connect(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Error::ConnectionTerminated,
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        _ => Error::DestinationUnavailable,
    }
}

/// An error of the TLS handshake.
pub(super) fn of_tls(error: &io::Error) -> Error {
    match cause(error) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some((*alert).into()),
            alert_message: alert.as_str().map(str::to_owned),
        },
        Some(_) => Error::TlsProtocolError,
        None => of_connect(error),
    }
}

fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
