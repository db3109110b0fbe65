//! What a host's requests pass through: a test can act before the n-th, lose it, lose its answer, or answer itself.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread;

use aws_sdk_s3::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat, SdkBody};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::client;

type Action = Box<dyn FnMut(&Request) -> Turn + Send>;

/// A request, as far as tests look at it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Vec<(String, String)>,
}

/// What becomes of a request.
pub(super) enum Turn {
    Pass,
    /// It never arrives.
    Lost,
    /// It arrives, and the answer is lost.
    Unanswered,
    Answer(Box<HttpResponse>),
}

#[derive(Clone, Default)]
pub(super) struct Wire(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    action: Option<Action>,
    /// How far the server's clock is ahead.
    ahead_ms: i64,
    /// How much a listing holds at most.
    page: Option<usize>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(header, _)| header == name);
        header.map(|(_, value)| value.as_str())
    }

    /// Whether it removes objects, one or several.
    pub(super) fn removes(&self) -> bool {
        self.method == "DELETE" || self.removes_several()
    }

    pub(super) fn removes_several(&self) -> bool {
        self.method == "POST" && self.uri.contains("delete")
    }
}

impl Wire {
    /// An HTTP client whose requests pass through here.
    pub(super) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Acts on every request from now on.
    pub(super) fn act(&self, action: impl FnMut(&Request) -> Turn + Send + 'static) {
        self.0.lock().unwrap().action = Some(Box::new(action));
    }

    /// Lets every request pass again, and gives those that came.
    pub(super) fn rest(&self) -> Vec<Request> {
        let mut state = self.0.lock().unwrap();
        state.action = None;
        std::mem::take(&mut state.requests)
    }

    /// Turns the server's clock on.
    pub(super) fn pass_minutes(&self, minutes: i64) {
        self.0.lock().unwrap().ahead_ms += minutes * 60_000;
    }

    /// Runs `work` and dies at its request number `at` (from 0): before it arrives, or before its answer does. Tells
    /// whether it came that far.
    pub(super) fn crash_at<T>(&self, at: usize, arrives: bool, work: impl FnOnce() -> T) -> Option<T> {
        let mut step = 0;
        self.rest();
        self.act(move |_| {
            step += 1;
            match step - 1 {
                before if before < at => Turn::Pass,
                now if now == at && arrives => Turn::Unanswered,
                _ => Turn::Lost,
            }
        });
        let result = work();
        (self.rest().len() <= at).then_some(result)
    }

    /// Runs `work`, and `other` just before its request number `at` (from 0). Tells whether it came that far.
    pub(super) fn meanwhile<T>(
        &self,
        at: usize,
        mut other: impl FnMut() + Send + 'static,
        work: impl FnOnce() -> T,
    ) -> (T, bool) {
        let mut step = 0;
        self.rest();
        self.act(move |_| {
            if step == at {
                // A runtime cannot run inside of another one.
                thread::scope(|scope| scope.spawn(&mut other).join().unwrap());
            }
            step += 1;
            Turn::Pass
        });
        let result = work();
        (result, self.rest().len() > at)
    }

    /// Lets a listing hold so little that its growth is seen.
    pub(super) fn set_page(&self, objects: usize) {
        self.0.lock().unwrap().page = Some(objects);
    }

    fn cut(&self, request: &mut HttpRequest) {
        let page = self.0.lock().unwrap().page;
        if let Some(page) = page.filter(|_| request.uri().contains("list-type=2")) {
            let uri = format!("{}&max-keys={page}", request.uri());
            request.set_uri(uri).unwrap();
        }
    }

    fn turn(&self, request: &HttpRequest) -> Turn {
        let headers = request.headers().iter();
        let request = Request {
            method: request.method().into(),
            uri: request.uri().into(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        let mut state = self.0.lock().unwrap();
        state.requests.push(request.clone());
        // Taken out while it runs: other hosts have wires of their own, but a panic must not spoil this one.
        let Some(mut action) = state.action.take() else {
            return Turn::Pass;
        };
        drop(state);
        let turn = action(&request);
        self.0.lock().unwrap().action = Some(action);
        turn
    }

    fn turn_clock(&self, response: &mut HttpResponse) {
        let ahead = self.0.lock().unwrap().ahead_ms;
        let Some(date) = response.headers().get("date").map(str::to_owned) else {
            return;
        };
        let date = DateTime::from_str(&date, DateTimeFormat::HttpDate).unwrap();
        let date = DateTime::from_millis(date.to_millis().unwrap() + ahead);
        response
            .headers_mut()
            .insert("date", date.fmt(DateTimeFormat::HttpDate).unwrap());
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            wire: self.clone(),
            real: client::http().http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct Connector {
    wire: Wire,
    real: SharedHttpConnector,
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        self.wire.cut(&mut request);
        let lost = || ConnectorError::io("the connection was cut".into());
        let wire = self.wire.clone();
        match wire.turn(&request) {
            Turn::Lost => HttpConnectorFuture::ready(Err(lost())),
            Turn::Answer(answer) => HttpConnectorFuture::ready(Ok(*answer)),
            Turn::Unanswered => {
                let answer = self.real.call(request);
                HttpConnectorFuture::new(async move { answer.await.and_then(|_| Err(lost())) })
            }
            Turn::Pass => {
                let answer = self.real.call(request);
                HttpConnectorFuture::new(async move {
                    let mut answer = answer.await?;
                    wire.turn_clock(&mut answer);
                    Ok(answer)
                })
            }
        }
    }
}

/// An error as a server says it.
pub(super) fn refusal(status: u16, code: &str, headers: &[(&'static str, &'static str)]) -> Turn {
    let body = match code {
        "" => String::new(),
        code => format!("<Error><Code>{code}</Code><Message>the message</Message></Error>"),
    };
    answer(status, body, headers)
}

pub(super) fn answer(status: u16, body: String, headers: &[(&'static str, &'static str)]) -> Turn {
    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    for (name, value) in headers {
        answer.headers_mut().insert(*name, *value);
    }
    Turn::Answer(Box::new(answer))
}
