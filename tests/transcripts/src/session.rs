//! A session's main transcript, turn by turn.

use fastrand::Rng;

use crate::chain::{Chain, Uuid, put};
use crate::text::{Text, pick, title};

const MODEL: &str = "made-up-model";
const TOOLS: &[&str] = &["Bash", "Edit", "Glob", "Grep", "Read", "Write"];
const BEGINNING: &[&str] = &[
    "environment",
    "model",
    "date",
    "deferred_tools_delta",
    "agent_listing_delta",
    "session_context",
    "total_tokens_reminder",
];

/// How large the two great attachments of a first turn are, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attachments {
    pub(crate) prompt_snapshot: usize,
    pub(crate) skill_listing: usize,
}

impl Attachments {
    /// Their usual size; less where the whole session shall be small.
    pub(crate) fn within(bytes: u64) -> Self {
        let share = |usual: u64, part| usize::try_from(usual.min(bytes / part)).unwrap_or_default();
        Self {
            prompt_snapshot: share(83_000, 4),
            skill_listing: share(14_000, 16),
        }
    }
}

/// A call that runs a subagent.
#[derive(Debug)]
pub(crate) struct AgentCall {
    pub(crate) tool_use_id: String,
    pub(crate) description: String,
}

#[derive(Debug)]
pub(crate) struct Session<'a> {
    rng: Rng,
    text: &'a Text,
    chain: Chain,
    attachments: Attachments,
    turns: u64,
}

impl<'a> Session<'a> {
    pub(crate) fn new(seed: u64, text: &'a Text, cwd: &str, attachments: Attachments) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            chain: Chain::main(Uuid::new(&mut rng), cwd),
            rng,
            text,
            attachments,
            turns: 0,
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.chain.session
    }

    /// Appends the rows of the next turn, and now and then what happens between turns.
    pub(crate) fn turn(&mut self, out: &mut String) -> Vec<AgentCall> {
        self.turns += 1;
        let mut calls = Vec::new();
        let prompt = self.prompt(out);
        if self.turns == 1 {
            self.begin(out);
        } else {
            self.attach(out, "total_tokens_reminder", 120);
        }
        let talk = self.rng.bool();
        let parallel = self.rng.usize(1..4);
        self.step(out, talk, parallel, &mut calls);
        if self.rng.u8(..3) == 0 {
            self.step(out, false, 1, &mut calls);
        }
        self.say(out);
        self.end(out, &prompt);
        self.between(out);
        calls
    }

    fn prompt(&mut self, out: &mut String) -> String {
        let bytes = self.rng.usize(20..400);
        let prompt = self.text.of(&mut self.rng, bytes);
        let content = format!(r#","content":"{prompt}""#);
        for (operation, content) in [("enqueue", content.as_str()), ("dequeue", "")] {
            let time = self.chain.now(&mut self.rng);
            let members = format_args!(r#""operation":"{operation}","timestamp":"{time}"{content}"#);
            self.chain.loose(out, "queue-operation", members);
        }
        if self.turns == 1 {
            self.chain.loose(out, "mode", format_args!(r#""mode":"default""#));
            self.chain.loose(out, "atis-latch", format_args!(r#""atis":false"#));
        }
        let message = format_args!(r#""message":{{"role":"user","content":"{prompt}"}},"promptSource":"sdk""#);
        self.chain.row(&mut self.rng, out, "user", message);
        prompt
    }

    /// What only a first turn has.
    fn begin(&mut self, out: &mut String) {
        for kind in BEGINNING {
            let bytes = self.rng.usize(40..900);
            self.attach(out, kind, bytes);
        }
        self.attach(out, "skill_listing", self.attachments.skill_listing);
        self.attach(out, "prompt_snapshot", self.attachments.prompt_snapshot);
    }

    fn attach(&mut self, out: &mut String, kind: &str, bytes: usize) {
        let text = self.text.of(&mut self.rng, bytes);
        let members = format_args!(r#""attachment":{{"type":"{kind}","content":"{text}"}},"renderedRole":"system""#);
        self.chain.row(&mut self.rng, out, "attachment", members);
    }

    /// One response of the model with tool calls, one row a block, and the results, in any order.
    fn step(&mut self, out: &mut String, talk: bool, calls: usize, agents: &mut Vec<AgentCall>) {
        let response = Response::new(&mut self.rng);
        if talk {
            let bytes = self.rng.usize(60..600);
            let text = self.text.of(&mut self.rng, bytes);
            self.block(out, &response, 0, format_args!(r#"{{"type":"text","text":"{text}"}}"#));
        }
        let mut results = Vec::new();
        for index in 0..calls {
            let id = format!("toolu_{:024x}", self.rng.u128(..) >> 32);
            let input = self.input(&id, agents);
            let index = index + usize::from(talk);
            let call = self.block(
                out,
                &response,
                index,
                format_args!(r#"{{"type":"tool_use","id":"{id}",{input}}}"#),
            );
            results.push((id, call));
        }
        self.rng.shuffle(&mut results);
        for (id, call) in results {
            self.result(out, &id, call);
        }
    }

    fn block(&mut self, out: &mut String, response: &Response, index: usize, block: std::fmt::Arguments<'_>) -> Uuid {
        let Response { id, request } = response;
        let usage = format!(
            r#""usage":{{"input_tokens":{},"output_tokens":{}}}"#,
            self.rng.u32(10..9000),
            self.rng.u32(1..900)
        );
        let message = format_args!(
            r#""message":{{"id":"{id}","type":"message","role":"assistant","model":"{MODEL}","content":[{block}],"stop_reason":null,{usage}}},"apiBlockIndex":{index},"requestRef":"{request}""#
        );
        self.chain.row(&mut self.rng, out, "assistant", message)
    }

    /// Name and input of a tool call; one in forty runs a subagent.
    fn input(&mut self, id: &str, agents: &mut Vec<AgentCall>) -> String {
        if self.rng.u8(..40) == 0 {
            let description = title(&mut self.rng);
            let input =
                format!(r#""name":"Agent","input":{{"description":"{description}","subagent_type":"Explore"}}"#);
            agents.push(AgentCall {
                tool_use_id: id.to_owned(),
                description,
            });
            return input;
        }
        let tool = pick(&mut self.rng, TOOLS);
        let bytes = self.rng.usize(10..300);
        let text = self.text.of(&mut self.rng, bytes);
        format!(r#""name":"{tool}","input":{{"command":"{text}"}}"#)
    }

    fn result(&mut self, out: &mut String, id: &str, call: Uuid) {
        let bytes = result_bytes(&mut self.rng);
        let text = self.text.output(&mut self.rng, bytes);
        let content = format!(
            r#""message":{{"role":"user","content":[{{"tool_use_id":"{id}","type":"tool_result","content":"{text}","is_error":false}}]}}"#
        );
        let origin = format_args!(r#""toolUseResult":{{"interrupted":false}},"sourceToolAssistantUUID":"{call}""#);
        self.chain
            .row(&mut self.rng, out, "user", format_args!("{content},{origin}"));
    }

    fn say(&mut self, out: &mut String) {
        let response = Response::new(&mut self.rng);
        let bytes = self.rng.usize(200..1500);
        let text = self.text.of(&mut self.rng, bytes);
        self.block(out, &response, 0, format_args!(r#"{{"type":"text","text":"{text}"}}"#));
    }

    fn end(&mut self, out: &mut String, prompt: &str) {
        let leaf = self.chain.leaf();
        self.chain.loose(
            out,
            "last-prompt",
            format_args!(r#""lastPrompt":"{prompt}","leafUuid":{leaf}"#),
        );
        if self.turns == 1 {
            self.chain
                .loose(out, "tools-used", format_args!(r#""tools":["Bash","Read"]"#));
        }
        let (cost, duration) = (self.turns as f64 * 0.000_66, self.turns * 952);
        let members = format_args!(r#""totalCostUSD":{cost},"totalDuration":{duration},"modelUsage":{{}}"#);
        self.chain.loose(out, "cost-state", members);
    }

    /// Titles, tags, rows that are written again under their uuid, compactions.
    fn between(&mut self, out: &mut String) {
        if self.turns == 1 {
            let title = title(&mut self.rng);
            self.chain
                .loose(out, "ai-title", format_args!(r#""aiTitle":"{title}""#));
        }
        match self.rng.u8(..16) {
            0 => {
                let title = title(&mut self.rng);
                self.chain
                    .loose(out, "custom-title", format_args!(r#""customTitle":"{title}""#));
            }
            1 => {
                let tag = pick(&mut self.rng, &["", "later", "review", "bug"]);
                self.chain.loose(out, "tag", format_args!(r#""tag":"{tag}""#));
            }
            2 => self.progress(out),
            3 if self.turns > 4 => self.compact(out),
            _ => {}
        }
    }

    /// The same row several times, each newer than the one before.
    fn progress(&mut self, out: &mut String) {
        let uuid = Uuid::new(&mut self.rng);
        for percent in [10, 60, 100] {
            let members = format_args!(r#""data":{{"type":"waiting","percent":{percent}}}"#);
            self.chain.row_with(&mut self.rng, out, "progress", uuid, members);
        }
    }

    /// A compaction only adds rows: a boundary without a parent, then the summary.
    fn compact(&mut self, out: &mut String) {
        let before = self.chain.cut();
        let members = format!(
            r#""logicalParentUuid":{before},"subtype":"compact_boundary","content":"Conversation compacted","isMeta":false,"level":"info","compactMetadata":{{"trigger":"auto","preTokens":90000}}"#
        );
        self.chain.row(&mut self.rng, out, "system", format_args!("{members}"));
        let summary = self.text.of(&mut self.rng, 6000);
        let message = format_args!(r#""message":{{"role":"user","content":"{summary}"}},"isCompactSummary":true"#);
        self.chain.row(&mut self.rng, out, "user", message);
    }
}

/// What the rows of one response share.
#[derive(Debug)]
struct Response {
    id: String,
    request: Uuid,
}

impl Response {
    fn new(rng: &mut Rng) -> Self {
        let mut id = String::new();
        put(&mut id, format_args!("msg_{:024x}", rng.u128(..) >> 32));
        Self {
            id,
            request: Uuid::new(rng),
        }
    }
}

/// Most results are short, one in twelve is a file, one in two hundred a large one.
pub(crate) fn result_bytes(rng: &mut Rng) -> usize {
    match rng.u16(..1000) {
        0..5 => 65_536,
        5..85 => rng.usize(4096..16_384),
        _ => rng.usize(200..1500),
    }
}

#[cfg(test)]
mod tests;
