//! The body of a response: once it was read to its end, its connection can serve the next request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{Client, RequestTarget, Sender, error};

/// A request's body, and whether anybody still wants some of it.
pub(super) struct Outgoing {
    body: WasiBody,
    done: Done,
}

/// Set once a request's body was taken, or given up.
#[derive(Clone, Debug, Default)]
pub(super) struct Done(Arc<AtomicBool>);

impl Done {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Outgoing {
    /// The request with such a body, and the place where its end shows.
    pub(super) fn wrap(request: Request<WasiBody>) -> (Request<Self>, Done) {
        let done = Done::default();
        let request = request.map(|body| Self {
            body,
            done: done.clone(),
        });
        (request, done)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.done.0.store(true, Ordering::Release);
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that a response comes over, on its way back to the others.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    target: RequestTarget,
    /// None once it was given back.
    sender: Option<Sender>,
    request: Done,
}

impl Connection {
    pub(super) fn new(client: Client, target: RequestTarget, sender: Sender, request: Done) -> Self {
        Self {
            client,
            target,
            sender: Some(sender),
            request,
        }
    }

    /// Gives the connection back once it is ready for the next request: who makes one as soon as the response has
    /// ended finds it. Where the request is not sent yet, that is not waited for.
    fn poll_give_back(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sender) = self.sender.as_mut().filter(|_| self.request.is_set()) else {
            return Poll::Ready(());
        };
        let is_ready = ready!(sender.poll_ready(cx)).is_ok();
        if let Some(sender) = self.sender.take().filter(|_| is_ready) {
            self.client.0.idle.put(self.target.clone(), sender);
        }
        Poll::Ready(())
    }
}

impl Drop for Connection {
    /// A response that nobody reads to its end closes its connection, and then this ends as well.
    fn drop(&mut self) {
        let Some(mut sender) = self.sender.take() else {
            return;
        };
        let (client, target) = (self.client.clone(), self.target.clone());
        self.client.0.reactor.spawn(async move {
            if sender.ready().await.is_ok() {
                client.0.idle.put(target, sender);
            }
        });
    }
}

/// A response's body: waits no longer than it may between two pieces, and gives its connection back at its end.
pub(super) struct Received {
    // In this order: the connection learns that the body is gone.
    body: Incoming,
    connection: Connection,
    /// The last piece, while the connection is given back.
    last: Option<Frame<Bytes>>,
    pause: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Received {
    pub(super) async fn wrap(
        response: Response<Incoming>,
        mut connection: Connection,
        pause: Duration,
    ) -> Response<WasiBody> {
        if response.body().is_end_stream() {
            std::future::poll_fn(|cx| connection.poll_give_back(cx)).await;
        }
        response.map(|body| {
            let received = Self {
                body,
                connection,
                last: None,
                pause,
                timer: None,
            };
            received.boxed_unsync()
        })
    }

    /// The last piece, once the connection was given back; none where there was none.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        ready!(self.connection.poll_give_back(cx));
        Poll::Ready(self.last.take().map(Ok))
    }

    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let pause = self.pause;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        timer.as_mut().poll(cx).map(|()| Error::ConnectionReadTimeout)
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let received = self.get_mut();
        if received.last.is_some() {
            return received.poll_end(cx);
        }
        match Pin::new(&mut received.body).poll_frame(cx) {
            Poll::Pending => received.poll_pause(cx).map(|error| Some(Err(error))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error::of_hyper(&error)))),
            Poll::Ready(None) => received.poll_end(cx),
            Poll::Ready(Some(Ok(frame))) => {
                received.timer = None;
                if !received.body.is_end_stream() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                received.last = Some(frame);
                received.poll_end(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
