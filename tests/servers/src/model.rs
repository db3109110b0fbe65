//! A stand-in for the model that an agent asks, so that the real command can be run without an account.
#![allow(clippy::indexing_slicing, reason = "a JSON value gives null for what it lacks")]

mod answer;
mod http;

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use answer::{Block, answer};
use http::{Events, Request};

/// A caller that waits for longer than this gets nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers on a port of 127.0.0.1, by what the prompt holds:
///
/// | word | answer |
/// | --- | --- |
/// | `RECALL` | every code such as `PINEAPPLE-42` that came up before, in order |
/// | `SPAWN` | starts a subagent, which runs one command |
/// | `HOLD` | the first words, and the others once [`Model::release`] was called |
/// | anything else | a line of text |
#[derive(Debug)]
pub struct Model {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Answers that are held, or were.
    held: usize,
    /// How many of them may go on.
    released: usize,
}

impl Model {
    /// Starts it. It answers until the process ends.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::<Shared>::default();
        let of_server = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = of_server.clone();
                // A client that goes away in the middle is what some tests are about.
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Ok(Self { port, shared })
    }

    /// The variables for the environment of the agent's command.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        let on = || "1".to_owned();
        [
            ("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", self.port)),
            ("ANTHROPIC_API_KEY", "any-key".to_owned()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", on()),
            ("DISABLE_TELEMETRY", on()),
            ("DISABLE_AUTOUPDATER", on()),
            ("DISABLE_ERROR_REPORTING", on()),
        ]
    }

    /// Waits until so many answers have been held since the start. Whether they were, in good time.
    pub fn wait_held(&self, count: usize) -> bool {
        self.shared.wait(|state| state.held >= count)
    }

    /// Lets one more held answer go on.
    pub fn release(&self) {
        self.shared.state().released += 1;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, is_so: impl Fn(&State) -> bool) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), PATIENCE, |state| !is_so(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_so(&state)
    }

    fn hold(&self) {
        let mut state = self.state();
        state.held += 1;
        let mine = state.held;
        drop(state);
        self.changed.notify_all();
        self.wait(|state| state.released >= mine);
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let request = Request::read(&stream)?;
    let is_question = request.method == "POST" && request.path.starts_with("/v1/messages");
    if !is_question {
        return http::reply(&stream, &json!({}));
    }
    if request.path.contains("count_tokens") {
        return http::reply(&stream, &json!({"input_tokens": 100}));
    }
    let blocks = answer(&request.body);
    let stop = match blocks.iter().any(|block| matches!(block, Block::Use { .. })) {
        true => "tool_use",
        false => "end_turn",
    };
    if request.body["stream"] == true {
        stream_answer(&stream, &request.body, &blocks, stop, shared)
    } else {
        let mut message = message(&request.body);
        message["content"] = blocks.iter().map(Block::to_json).collect();
        message["stop_reason"] = json!(stop);
        http::reply(&stream, &message)
    }
}

fn message(question: &Value) -> Value {
    json!({
        "id": answer::id("msg"), "type": "message", "role": "assistant", "model": question["model"], "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {
            "input_tokens": 10, "output_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0
        },
    })
}

fn stream_answer(
    stream: &TcpStream,
    question: &Value,
    blocks: &[Block],
    stop: &str,
    shared: &Shared,
) -> io::Result<()> {
    let mut events = Events::begin(stream)?;
    events.send("message_start", json!({"message": message(question)}))?;
    for (index, block) in blocks.iter().enumerate() {
        events.send(
            "content_block_start",
            json!({"index": index, "content_block": block.beginning()}),
        )?;
        for (part, delta) in block.deltas().into_iter().enumerate() {
            if part > 0 {
                shared.hold();
            }
            events.send("content_block_delta", json!({"index": index, "delta": delta}))?;
        }
        events.send("content_block_stop", json!({"index": index}))?;
    }
    let delta = json!({"stop_reason": stop, "stop_sequence": null});
    events.send("message_delta", json!({"delta": delta, "usage": {"output_tokens": 20}}))?;
    events.send("message_stop", json!({}))
}
