use std::time::Duration;

use ::http::{Method, Request, Response, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

use super::body::{Done, Outgoing};
use super::{Sender, error};

/// A request that may be tried over several connections: a kept one may turn out to be closed.
pub(super) struct Attempt {
    request: Request<Outgoing>,
    done: Done,
}

/// What became of an attempt.
pub(super) enum Tried {
    /// The response's head, and whether anybody still wants some of the request.
    Answered((Response<Incoming>, Done)),
    /// The connection had been closed: the server saw nothing of the request, or may see it twice.
    Again(Attempt),
}

impl Attempt {
    pub(super) fn new(request: Request<WasiBody>) -> Self {
        let (request, done) = Outgoing::wrap(request);
        Self { request, done }
    }

    pub(super) async fn over(self, sender: &mut Sender, first_byte: Duration) -> Result<Tried, Error> {
        let spare = self.spare();
        let sent = timeout(first_byte, sender.try_send_request(self.request)).await;
        let mut failed = match sent.map_err(|_elapsed| Error::ConnectionReadTimeout)? {
            Ok(response) => return Ok(Tried::Answered((response, self.done))),
            Err(failed) => failed,
        };
        if let Some(request) = failed.take_message() {
            let done = self.done;
            return Ok(Tried::Again(Self { request, done }));
        }
        let error = failed.into_error();
        // Closed at the very moment when the request was written.
        let is_closed = error.is_incomplete_message() || error::is_reset(&error);
        match spare.filter(|_| is_closed) {
            Some(request) => Ok(Tried::Again(Self::new(request))),
            None => Err(error::of_hyper(&error)),
        }
    }

    /// The request once more, if it has no body and a server may see it twice.
    fn spare(&self) -> Option<Request<WasiBody>> {
        let request = &self.request;
        // Of these, a body is sent only where its length is said before.
        let has_body = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
        if has_body || !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let nothing = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
        let mut spare = Request::new(nothing);
        *spare.method_mut() = request.method().clone();
        *spare.uri_mut() = request.uri().clone();
        *spare.headers_mut() = request.headers().clone();
        Some(spare)
    }
}
