//! Reads an entry as a message for people: who speaks, and the parts of what is said.

use std::borrow::Cow;

use serde::Serialize;

use super::entry::{EntryFields, is_truthy, member};
use crate::transcript::members::{each_item, string};

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

impl Message {
    /// Reads an entry's line.
    pub fn read(line: &[u8]) -> Self {
        let entry = EntryFields::read(line).unwrap_or_default();
        let said = |speaker, parts| Self::Said {
            speaker,
            timestamp: string(entry.timestamp).map(Cow::into_owned),
            is_meta: is_truthy(entry.is_meta),
            parts,
        };
        let of = text(entry.kind);
        let note = match of.as_str() {
            "user" => return said(Speaker::User, parts_of(entry.message)),
            "assistant" => return said(Speaker::Assistant, parts_of(entry.message)),
            "system" => return said(Speaker::System, parts(entry.content)),
            "custom-title" => return Self::title(entry.custom_title),
            "ai-title" => return Self::title(entry.ai_title),
            "tag" => entry.tag,
            "summary" => entry.summary,
            "last-prompt" => entry.last_prompt,
            _ => return Self::Other { of },
        };
        Self::Note { text: text(note), of }
    }

    fn title(raw: &str) -> Self {
        Self::Title { title: text(raw) }
    }
}

/// What a raw message says.
pub(crate) fn parts_of(message: &str) -> Vec<MessagePart> {
    parts(member(message, "content"))
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

fn text(raw: &str) -> String {
    string(raw).map_or_else(String::new, Cow::into_owned)
}
