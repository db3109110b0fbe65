//! Makes HTTP requests through `wasi:http`.

use std::time::Duration;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};
use wasip2::io::streams::StreamError;

/// The most that one write may take.
const PIECE: usize = 4096;

/// Requests to make, all alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: String,
    url: String,
    pub(crate) body: u64,
    pub(crate) times: u64,
    pub(crate) connect: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) between_bytes: Option<Duration>,
}

impl Request {
    pub(crate) fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            body: 0,
            times: 1,
            connect: None,
            first_byte: None,
            between_bytes: None,
        }
    }
}

/// Makes the requests; tells the status of the last response and how many bytes it had.
pub(crate) fn send(request: &Request) -> Result<String, String> {
    let mut told = String::new();
    for _ in 0..request.times {
        told = send_one(request)?;
    }
    Ok(told)
}

fn send_one(request: &Request) -> Result<String, String> {
    let outgoing = head(request)?;
    let body = outgoing.body().map_err(|()| "no body")?;
    let future = outgoing_handler::handle(outgoing, options(request)?).map_err(debug)?;
    // The response may come before all of the body is sent, and then the server does not want the rest.
    let sent = write(&body, request.body);
    let finished = sent.and_then(|()| OutgoingBody::finish(body, None).map_err(debug));
    future.subscribe().block();
    let response = future
        .get()
        .ok_or("no response")?
        .map_err(|()| "no response")?
        .map_err(debug)?;
    finished?;
    let received = read(&response)?;
    Ok(format!("{} {received}", response.status()))
}

fn head(request: &Request) -> Result<OutgoingRequest, String> {
    let (scheme, rest) = request.url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let length = request.body.to_string().into_bytes();
    let headers = Fields::from_list(&[("content-length".to_owned(), length)]).map_err(debug)?;
    let outgoing = OutgoingRequest::new(headers);
    let method = Method::Other(request.method.clone());
    outgoing.set_method(&method).map_err(|()| "no method")?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| "no such scheme")?;
    outgoing.set_authority(Some(authority)).map_err(|()| "no such host")?;
    outgoing.set_path_with_query(Some(path)).map_err(|()| "no such path")?;
    Ok(outgoing)
}

fn options(request: &Request) -> Result<Option<RequestOptions>, String> {
    let nanos = |time: Option<Duration>| time.and_then(|time| u64::try_from(time.as_nanos()).ok());
    let options = RequestOptions::new();
    let set = options
        .set_connect_timeout(nanos(request.connect))
        .and_then(|()| options.set_first_byte_timeout(nanos(request.first_byte)))
        .and_then(|()| options.set_between_bytes_timeout(nanos(request.between_bytes)));
    set.map_err(|()| "no such timeout")?;
    Ok(Some(options))
}

fn write(body: &OutgoingBody, bytes: u64) -> Result<(), String> {
    let stream = body.write().map_err(|()| "no stream")?;
    let piece = vec![b'x'; PIECE];
    let mut left = bytes;
    while left > 0 {
        let piece = piece
            .get(..usize::try_from(left).unwrap_or(PIECE).min(PIECE))
            .unwrap_or(&piece);
        stream.blocking_write_and_flush(piece).map_err(debug)?;
        left -= piece.len() as u64;
    }
    Ok(())
}

fn read(response: &IncomingResponse) -> Result<u64, String> {
    let body = response.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut received = 0;
    loop {
        match stream.blocking_read(1 << 20) {
            Ok(piece) => received += piece.len() as u64,
            Err(StreamError::Closed) => return Ok(received),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(error.to_debug_string());
            }
        }
    }
}

fn debug(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
