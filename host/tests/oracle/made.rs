//! Made-up sessions of every shape that a transcript can take: branches, rewinds, compactions, parallel tool calls,
//! circles, rows that are written again, and values of types that nobody expects.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// A session: its streams by subpath, each as lines without LF. The main transcript's subpath is empty.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) streams: BTreeMap<String, Vec<String>>,
}

impl Made {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let id = uuid(rng);
        let mut streams = BTreeMap::from([(String::new(), Transcript::of(rng, &id).lines)]);
        for subpath in [
            "subagents/agent-a1",
            "subagents/workflows/w/agent-b2",
            "subagents/x/agent-a1",
        ] {
            if rng.u8(..6) == 0 {
                let mut lines = Transcript::of(rng, &id).lines;
                let at = rng.usize(..=lines.len());
                lines.insert(at, metadata(rng));
                streams.insert(subpath.to_owned(), lines);
            }
        }
        Self { id, streams }
    }
}

fn uuid(rng: &mut Rng) -> String {
    let hex = format!("{:032x}", rng.u128(..));
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())].clone()
}

/// True once in so many times.
fn once_in(rng: &mut Rng, times: u32) -> bool {
    rng.u32(..times) == 0
}

fn metadata(rng: &mut Rng) -> String {
    let ids = [json!("toolu_1"), json!("toolu_2"), json!(null), json!(7), json!("")];
    let (call, agent) = (pick(rng, &ids), pick(rng, &ids));
    json!({"type": "agent_metadata", "toolUseId": call, "parentAgentId": agent}).to_string()
}

struct Transcript<'a> {
    rng: &'a mut Rng,
    session: &'a str,
    lines: Vec<String>,
    /// Every uuid so far; the next row mostly follows the last one.
    uuids: Vec<String>,
    calls: Vec<String>,
    time: u64,
}

impl<'a> Transcript<'a> {
    fn of(rng: &'a mut Rng, session: &'a str) -> Self {
        let mut made = Self {
            rng,
            session,
            lines: Vec::new(),
            uuids: Vec::new(),
            calls: Vec::new(),
            time: 0,
        };
        for _ in 0..made.rng.usize(..14) {
            made.step();
        }
        made
    }

    fn step(&mut self) {
        match self.rng.u8(..20) {
            0..6 => self.say("user"),
            6..9 => self.say("assistant"),
            9..14 => self.respond(),
            14 => self.link(),
            15 => self.compact(),
            16 => self.write_again(),
            17 => self.odd(),
            _ => self.note(),
        }
    }

    /// Whom a row follows.
    fn parent(&mut self) -> Value {
        match self.rng.u8(..24) {
            0 => Value::Null,
            1 => json!("nobody"),
            2..5 if !self.uuids.is_empty() => json!(pick(self.rng, &self.uuids)),
            _ => self.uuids.last().map_or(Value::Null, |last| json!(last)),
        }
    }

    /// Writes a row that is part of the conversation.
    fn row(&mut self, kind: &str, parent: Value, members: Value) -> String {
        let uuid = uuid(self.rng);
        self.row_as(&uuid, kind, parent, members);
        self.uuids.push(uuid.clone());
        uuid
    }

    fn row_as(&mut self, uuid: &str, kind: &str, parent: Value, members: Value) {
        let mut row = json!({"type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": self.session});
        let row = row.as_object_mut().unwrap();
        if !once_in(self.rng, 8) {
            row.insert("timestamp".into(), self.timestamp());
        }
        row.extend(members.as_object().cloned().unwrap_or_default());
        self.flags(row);
        self.lines.push(Value::from(row.clone()).to_string());
    }

    fn flags(&mut self, row: &mut Map<String, Value>) {
        const TRUTHY: [&str; 9] = ["true", "true", "true", "false", "1", "0", "\"\"", "\"x\"", "null"];
        for flag in ["isMeta", "isSidechain", "teamName", "isCompactSummary"] {
            if once_in(self.rng, 20) {
                let value = serde_json::from_str(pick(self.rng, &TRUTHY)).unwrap();
                row.insert(flag.into(), value);
            }
        }
        for (name, values) in [
            ("agentId", &["a1", "a1", "b2"]),
            ("cwd", &["/srv/app", "/srv/other", "/srv/é😀"]),
            ("gitBranch", &["main", "dev", "x y"]),
            ("slug", &["s", "t", "u"]),
            ("agentName", &["s", "t", "u"]),
        ] {
            if once_in(self.rng, 8) {
                row.insert(name.into(), json!(pick(self.rng, values)));
            }
        }
    }

    fn timestamp(&mut self) -> Value {
        self.time += self.rng.u64(..3);
        let seconds = self.time - self.time.min(self.rng.u64(..3));
        json!(format!("2026-05-01T10:{:02}:{:02}.000Z", seconds / 60, seconds % 60))
    }

    fn text(&mut self) -> &'static str {
        const TEXTS: &[&str] = &[
            "Fix the build",
            " \n ",
            "<command-name>/clear</command-name>",
            "<tick>",
            "ends in white space   ",
            "two\nlines",
            "日本語 😀",
            "[Request interrupted by user]",
            "\"quoted\" \\ and so on",
        ];
        pick(self.rng, TEXTS)
    }

    fn say(&mut self, kind: &str) {
        let (parent, text) = (self.parent(), self.text());
        let content = match self.rng.bool() {
            true => json!(text),
            false => json!([{"type": "text", "text": text}, {"type": "image"}]),
        };
        self.row(kind, parent, json!({"message": {"role": kind, "content": content}}));
    }

    /// A response of the model with calls, a row each, and their answers in any order.
    fn respond(&mut self) {
        let response = match self.rng.u8(..10) {
            0 => json!("msg_shared"),
            1 => json!(""),
            _ => json!(format!("msg_{}", self.lines.len())),
        };
        let mut made = Vec::new();
        for _ in 0..self.rng.usize(1..4) {
            let call = match once_in(self.rng, 12) && !self.calls.is_empty() {
                true => pick(self.rng, &self.calls),
                false => format!("toolu_{}", self.calls.len()),
            };
            let message = json!({"id": response, "content": [{"type": "tool_use", "id": call, "name": "Bash"}]});
            let parent = self.parent();
            let row = self.row("assistant", parent, json!({"message": message}));
            self.calls.push(call.clone());
            made.push((row, call));
        }
        self.rng.shuffle(&mut made);
        for (row, call) in made {
            if !once_in(self.rng, 6) {
                self.answer(&row, &call);
            }
        }
    }

    fn answer(&mut self, row: &str, call: &str) {
        let parent = match once_in(self.rng, 6) {
            true => self.parent(),
            false => json!(row),
        };
        let message = json!({"content": [{"type": "tool_result", "tool_use_id": call, "content": "done"}]});
        let mut members = json!({"message": message});
        if self.rng.bool() {
            members["sourceToolAssistantUUID"] = json!(row);
        }
        self.row("user", parent, members);
    }

    /// What links the chain and is not said.
    fn link(&mut self) {
        let kind = pick(self.rng, &["progress", "system", "attachment"]);
        let parent = self.parent();
        self.row(kind, parent, json!({"data": {"percent": 10}}));
    }

    fn compact(&mut self) {
        let before = self.parent();
        let members = json!({"logicalParentUuid": before, "subtype": "compact_boundary"});
        let boundary = self.row("system", Value::Null, members);
        let message = json!({"role": "user", "content": "What happened so far"});
        self.row(
            "user",
            json!(boundary),
            json!({"message": message, "isCompactSummary": true}),
        );
    }

    /// A row under a uuid that is there, perhaps with another parent: also one that makes a circle.
    fn write_again(&mut self) {
        if self.uuids.is_empty() {
            return;
        }
        let (again, parent) = (pick(self.rng, &self.uuids), pick(self.rng, &self.uuids));
        let kind = pick(self.rng, &["user", "assistant", "system"]);
        let members = json!({"message": {"id": "msg_again", "content": "again"}});
        self.row_as(&again, kind, json!(parent), members);
    }

    /// Rows that do not look as rows do.
    fn odd(&mut self) {
        let (parent, uuid) = (self.parent(), format!("odd-{}", self.lines.len()));
        let row = match self.rng.u8(..8) {
            0 => json!({"type": "user", "uuid": 5, "message": {"content": "x"}}),
            1 => json!({"type": "user", "uuid": uuid, "parentUuid": 5, "message": null}),
            2 => json!({"type": "user", "uuid": uuid, "parentUuid": "", "sessionId": self.session}),
            3 => json!({"type": "assistant", "uuid": uuid, "parentUuid": parent, "message": 7}),
            4 => json!({"type": "assistant", "uuid": uuid, "parentUuid": parent, "message": {"id": 7, "content": {}}}),
            5 => {
                json!({"type": "user", "uuid": uuid, "parentUuid": parent, "message": {"content": [1, [], {"type": 3}]}})
            }
            6 => json!({"uuid": uuid, "message": {"content": "no type"}}),
            _ => json!({"type": "user", "uuid": uuid, "parentUuid": uuid, "message": {"content": "its own parent"}}),
        };
        self.lines.push(row.to_string());
    }

    /// What is known of the session, beside the conversation.
    fn note(&mut self) {
        let text = self.text();
        let session = match once_in(self.rng, 6) {
            true => "another",
            false => self.session,
        };
        let row = match self.rng.u8(..8) {
            0 => json!({"type": "custom-title", "customTitle": text}),
            1 => json!({"type": "ai-title", "aiTitle": text}),
            2 => json!({"type": "tag", "tag": text}),
            3 => json!({"type": "tag", "tag": ""}),
            4 => json!({"type": "last-prompt", "lastPrompt": text, "leafUuid": "x"}),
            5 => json!({"type": "summary", "summary": text}),
            6 => json!({"type": "content-replacement", "sessionId": session, "replacements": [{"a": 1}, text]}),
            _ => json!({"type": "mode", "mode": "default"}),
        };
        self.lines.push(row.to_string());
    }
}
