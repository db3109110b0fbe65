//! What the model of the tests answers to a request.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// A part of an answer.
#[derive(Clone, Debug)]
pub(super) enum Block {
    /// Text in parts; before each but the first, the model waits to be released.
    Text(Vec<String>),
    /// A tool is to be used.
    Use { name: &'static str, input: Value },
}

impl Block {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(vec![text.into()])
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(parts) => json!({"type": "text", "text": parts.concat()}),
            Self::Use { name, input } => json!({"type": "tool_use", "id": id("toolu"), "name": name, "input": input}),
        }
    }

    /// As it begins in a stream.
    pub(super) fn beginning(&self) -> Value {
        match self {
            Self::Text(_) => json!({"type": "text", "text": ""}),
            Self::Use { name, .. } => json!({"type": "tool_use", "id": id("toolu"), "name": name, "input": {}}),
        }
    }

    /// What comes then.
    pub(super) fn deltas(&self) -> Vec<Value> {
        match self {
            Self::Text(parts) => parts
                .iter()
                .map(|text| json!({"type": "text_delta", "text": text}))
                .collect(),
            Self::Use { input, .. } => vec![json!({"type": "input_json_delta", "partial_json": input.to_string()})],
        }
    }
}

/// A name that is used once.
pub(super) fn id(kind: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{kind}_{:024}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What the model says to a request.
pub(super) fn answer(question: &Value) -> Vec<Block> {
    let no_messages = Vec::new();
    let messages = question["messages"].as_array().unwrap_or(&no_messages);
    // The agent may add a message of its own behind the prompt.
    let answered = messages.iter().rposition(|message| message["role"] == "assistant");
    let new: Vec<_> = messages.iter().skip(answered.map_or(0, |at| at + 1)).collect();
    let texts: Vec<_> = new.iter().map(|message| text_of(&message["content"])).collect();
    let prompt = texts.join("\n");
    let mut blocks = new.iter().filter_map(|message| message["content"].as_array()).flatten();
    if question["max_tokens"] == 1 {
        return vec![Block::text("ok")];
    }
    if !has_tools(question) {
        return vec![Block::text("{\"title\":\"A title\"}")];
    }
    if blocks.any(|block| block["type"] == "tool_result") {
        return vec![Block::text("All done.")];
    }
    if prompt.contains("RECALL") {
        return vec![Block::text(codes(messages))];
    }
    if prompt.contains("SUBTASK") {
        let input = json!({"command": "echo from-below", "description": "echo"});
        return vec![Block::Use { name: "Bash", input }];
    }
    if prompt.contains("SPAWN") {
        return vec![Block::text("Spawning."), spawning(question)];
    }
    match prompt.contains("HOLD") {
        true => vec![Block::Text(vec!["The first words, ".into(), "and the others.".into()])],
        false => vec![Block::text("Hello from the stand-in model.")],
    }
}

fn spawning(question: &Value) -> Block {
    let is_named = |name: &str| tools(question).any(|tool| tool["name"] == name);
    Block::Use {
        name: if is_named("Agent") { "Agent" } else { "Task" },
        input: json!({
            "description": "work below", "prompt": "SUBTASK: say hello", "subagent_type": "general-purpose",
        }),
    }
}

fn tools(question: &Value) -> impl Iterator<Item = &Value> {
    question["tools"].as_array().into_iter().flatten()
}

fn has_tools(question: &Value) -> bool {
    tools(question).next().is_some()
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<_> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// Every code that came up, once: four capital letters or more, a hyphen, digits.
fn codes(messages: &[Value]) -> String {
    let mut found: Vec<String> = Vec::new();
    let texts = messages.iter().map(|message| text_of(&message["content"]));
    for text in texts {
        let is_inside = |char: char| char.is_ascii_alphanumeric() || char == '-';
        for word in text.split(|char| !is_inside(char)) {
            if is_code(word) && !found.iter().any(|code| code == word) {
                found.push(word.to_owned());
            }
        }
    }
    match found.is_empty() {
        true => "nothing".to_owned(),
        false => found.join(" "),
    }
}

fn is_code(word: &str) -> bool {
    let Some((letters, digits)) = word.split_once('-') else {
        return false;
    };
    let is_name = letters.len() >= 4 && letters.bytes().all(|byte| byte.is_ascii_uppercase());
    is_name && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
