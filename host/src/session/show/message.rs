//! Reads an entry as a message for people: who speaks, and the parts of what is said.

use std::borrow::Cow;

use serde::Serialize;

use crate::transcript::members::{each_item, each_member, string};

/// What an entry says, for people: text is decoded, and a lone surrogate becomes U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Message {
    /// Part of the conversation.
    Said {
        /// Who says it.
        speaker: Speaker,
        /// When, as it is written there.
        timestamp: Option<String>,
        /// Not for the reader: instructions that the runtime put in.
        is_meta: bool,
        /// What is said.
        parts: Vec<MessagePart>,
    },
    /// The session's title, given by a person or made.
    Title {
        /// The title.
        title: String,
    },
    /// A note about the session: its tag, a summary, its latest prompt.
    Note {
        /// The entry's type.
        of: String,
        /// What it says.
        text: String,
    },
    /// Any other entry.
    Other {
        /// Its type; empty where it has none.
        of: String,
    },
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// The person, or what answers for tools.
    User,
    /// The model.
    Assistant,
    /// The runtime.
    System,
}

/// A part of what is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MessagePart {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// What the model thinks before it answers.
    Thinking {
        /// The text.
        text: String,
    },
    /// A tool is called.
    ToolCall {
        /// The tool.
        name: String,
        /// What it gets: JSON, as it is written there.
        input: String,
    },
    /// A tool has answered.
    ToolResult {
        /// What it answered, as far as that is text.
        text: String,
        /// Whether it failed.
        is_error: bool,
    },
    /// Something that is no text: an image, a document.
    Other {
        /// Its type.
        of: String,
    },
}

/// The members that count here, raw. Of several with one name, the last one counts.
#[derive(Default)]
struct MessageFields<'a> {
    kind: &'a str,
    timestamp: &'a str,
    is_meta: &'a str,
    message: &'a str,
    content: &'a str,
    title: &'a str,
    note: &'a str,
}

impl Message {
    /// Reads an entry's line.
    pub fn read(line: &[u8]) -> Self {
        let mut row = MessageFields::default();
        let read = std::str::from_utf8(line).map(|text| each_member(text, |key, value| row.put(key, value)));
        if !matches!(read, Ok(Ok(()))) {
            return Self::Other { of: String::new() };
        }
        row.into_message()
    }
}

impl<'a> MessageFields<'a> {
    fn put(&mut self, key: &'a str, value: &'a str) {
        let place = match key {
            r#""type""# => &mut self.kind,
            r#""timestamp""# => &mut self.timestamp,
            r#""isMeta""# => &mut self.is_meta,
            r#""message""# => &mut self.message,
            r#""content""# => &mut self.content,
            r#""customTitle""# | r#""aiTitle""# => &mut self.title,
            r#""tag""# | r#""summary""# | r#""lastPrompt""# => &mut self.note,
            _ => return,
        };
        *place = value;
    }

    fn into_message(self) -> Message {
        let kind = text(self.kind);
        let said = |speaker, content| Message::Said {
            speaker,
            timestamp: string(self.timestamp).map(Cow::into_owned),
            is_meta: self.is_meta == "true",
            parts: parts(content),
        };
        match kind.as_str() {
            "user" => said(Speaker::User, member(self.message, "content")),
            "assistant" => said(Speaker::Assistant, member(self.message, "content")),
            "system" => said(Speaker::System, self.content),
            "custom-title" | "ai-title" => Message::Title {
                title: text(self.title),
            },
            "tag" | "summary" | "last-prompt" => Message::Note {
                text: text(self.note),
                of: kind,
            },
            _ => Message::Other { of: kind },
        }
    }
}

/// A message's content: a string, or blocks.
fn parts(content: &str) -> Vec<MessagePart> {
    if let Some(text) = string(content) {
        return vec![MessagePart::Text {
            text: text.into_owned(),
        }];
    }
    let mut parts = Vec::new();
    // What is neither has no parts.
    let _ = each_item(content, |block| parts.push(part(block)));
    parts
}

fn part(block: &str) -> MessagePart {
    let of = text(member(block, "type"));
    match of.as_str() {
        "text" => MessagePart::Text {
            text: text(member(block, "text")),
        },
        "thinking" => MessagePart::Thinking {
            text: text(member(block, "thinking")),
        },
        "tool_use" => MessagePart::ToolCall {
            name: text(member(block, "name")),
            input: member(block, "input").to_owned(),
        },
        "tool_result" => MessagePart::ToolResult {
            text: result_text(member(block, "content")),
            is_error: member(block, "is_error") == "true",
        },
        _ => MessagePart::Other { of },
    }
}

/// The text of a tool's answer; what else is in it shows as its type. Answers in answers are not looked into: however
/// deep they go, the stack does not.
fn result_text(content: &str) -> String {
    if let Some(text) = string(content) {
        return text.into_owned();
    }
    let mut texts = Vec::new();
    let _ = each_item(content, |block| {
        texts.push(match text(member(block, "type")).as_str() {
            "text" => text(member(block, "text")),
            of => format!("[{of}]"),
        });
    });
    texts.join("\n")
}

/// A member's raw value; empty if it is missing. Names of members are written without escapes.
fn member<'a>(object: &'a str, name: &str) -> &'a str {
    let mut found = "";
    let is_it = |key: &str| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) == Some(name);
    // What is no object has no members.
    let _ = each_member(object, |key, value| {
        if is_it(key) {
            found = value;
        }
    });
    found
}

fn text(raw: &str) -> String {
    string(raw).map_or_else(String::new, Cow::into_owned)
}
