//! Goes where nobody sent it.

use std::fmt::Write;
use std::net::TcpStream;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

/// This machine, the metadata servers of clouds in several spellings, and a private network.
const PLACES: &[&str] = &[
    "127.0.0.1:22",
    "[::1]:22",
    "[::ffff:127.0.0.1]:22",
    "0.0.0.0:22",
    "169.254.169.254:80",
    "[::ffff:169.254.169.254]:80",
    "[64:ff9b::a9fe:a9fe]:80",
    "[fd00:ec2::254]:80",
    "100.100.100.200:80",
    "10.0.0.1:80",
    "localhost:22",
    "metadata.google.internal:80",
];

pub(crate) fn connections() -> String {
    let mut report = String::new();
    for place in PLACES {
        tell(
            &mut report,
            place,
            TcpStream::connect(place).map(drop).map_err(|error| error.to_string()),
        );
    }
    report
}

pub(crate) fn requests() -> String {
    let mut report = String::new();
    for place in PLACES {
        for scheme in [Scheme::Http, Scheme::Https] {
            tell(&mut report, place, request(place, scheme));
        }
    }
    report
}

fn request(place: &str, scheme: Scheme) -> Result<(), String> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&scheme)).map_err(|()| "no such scheme")?;
    request.set_authority(Some(place)).map_err(|()| "no such host")?;
    request.set_path_with_query(Some("/")).map_err(|()| "no such path")?;
    let response = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(_))) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn tell(report: &mut String, place: &str, reached: Result<(), String>) {
    // Writing to a string does not fail.
    let _ = match reached {
        Ok(()) => writeln!(report, "{place}: got there"),
        Err(error) => writeln!(report, "{place}: refused, {error}"),
    };
}
