//! Renders the messages of a session as text for a terminal.

use std::fmt::Write as _;

use mirrorbox::session::{Message, MessagePart, Speaker};

use serde::de::IgnoredAny;

use crate::output::{cut, safe, safe_line};

/// How much of a long text is shown: lines, and characters of each.
const LINES: usize = 12;
const WIDTH: usize = 400;

/// How a conversation looks.
#[derive(Clone, Copy, Debug)]
pub(in crate::command) struct Style {
    /// Nothing is cut, and thinking and the runtime's own notes are shown.
    pub(in crate::command) full: bool,
}

impl Style {
    /// One entry as text that ends without a line feed; none for what is not part of the conversation.
    pub(in crate::command) fn render(self, message: &Message) -> Option<String> {
        match message {
            Message::Said { is_meta: true, .. } if !self.full => None,
            Message::Said {
                speaker,
                timestamp,
                parts,
                ..
            } => self.said(*speaker, timestamp.as_deref(), parts),
            Message::Title { title } => Some(format!("\n# {}", safe_line(title))),
            Message::Note { of, text } if self.full => Some(format!("\n[{}: {}]", safe_line(of), safe_line(text))),
            _ => None,
        }
    }

    /// A line that is no entry, such as one that a power cut left NULs in; none for one that is.
    pub(in crate::command) fn odd(self, line: &[u8]) -> Option<String> {
        if line.is_empty() || serde_json::from_slice::<IgnoredAny>(line).is_ok() {
            return None;
        }
        let text = String::from_utf8_lossy(line).replace('\0', "");
        let text = safe_line(&text);
        let shown = if self.full { text } else { cut(&text, WIDTH) };
        Some(format!("\n[no entry: {shown}]"))
    }

    fn said(self, speaker: Speaker, timestamp: Option<&str>, parts: &[MessagePart]) -> Option<String> {
        let parts: Vec<_> = parts.iter().filter_map(|part| self.part(part)).collect();
        if parts.is_empty() {
            return None;
        }
        let mut text = format!("\n{}", name(speaker));
        if let Some(timestamp) = timestamp {
            let _ = write!(text, "  {}", safe_line(timestamp));
        }
        for line in parts.iter().flat_map(|part| part.lines()) {
            text.push_str("\n  ");
            text.push_str(line);
        }
        Some(text)
    }

    fn part(self, part: &MessagePart) -> Option<String> {
        match part {
            MessagePart::Text { text } => Some(safe(text)),
            MessagePart::Thinking { text } if self.full => Some(format!("(thinks) {}", safe(text))),
            MessagePart::ToolCall { name, input } => Some(format!("-> {} {}", safe_line(name), self.long(input))),
            MessagePart::ToolResult { text, is_error } => {
                let mark = if *is_error { "<- failed: " } else { "<- " };
                Some(format!("{mark}{}", self.long(text)))
            }
            MessagePart::Other { of } => Some(format!("[{}]", safe_line(of))),
            _ => None,
        }
    }

    fn long(self, text: &str) -> String {
        let text = safe(text);
        if self.full {
            return text;
        }
        let mut lines = text.lines();
        let mut shown: Vec<_> = lines.by_ref().take(LINES).map(|line| cut(line, WIDTH)).collect();
        match lines.count() {
            0 => {}
            1 => shown.push("… 1 more line".to_owned()),
            more => shown.push(format!("… {more} more lines")),
        }
        shown.join("\n")
    }
}

fn name(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::System => "system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Style = Style { full: false };
    const FULL: Style = Style { full: true };

    fn said(parts: Vec<MessagePart>) -> Message {
        Message::Said {
            speaker: Speaker::Assistant,
            timestamp: Some("2026-05-01T10:00:00.010Z".into()),
            is_meta: false,
            parts,
        }
    }

    #[test]
    fn a_turn_is_a_heading_and_indented_lines() {
        let message = said(vec![
            MessagePart::Text {
                text: "one\ntwo\u{1b}[2J".into(),
            },
            MessagePart::Thinking { text: "hm".into() },
            MessagePart::ToolCall {
                name: "Bash".into(),
                input: r#"{"command":"ls"}"#.into(),
            },
            MessagePart::ToolResult {
                text: "none".into(),
                is_error: true,
            },
        ]);
        let short = "\nassistant  2026-05-01T10:00:00.010Z\n  one\n  two␛[2J\n  -> Bash {\"command\":\"ls\"}\n  <- failed: none";
        assert_eq!(SHORT.render(&message).unwrap(), short);
        assert!(FULL.render(&message).unwrap().contains("\n  (thinks) hm\n"));
    }

    #[test]
    fn long_answers_are_cut_unless_all_is_wanted() {
        let text: String = (0..20).map(|n| format!("{n}\n")).collect();
        let message = said(vec![MessagePart::ToolResult { text, is_error: false }]);
        let short = SHORT.render(&message).unwrap();
        assert!(short.ends_with("\n  11\n  … 8 more lines"), "{short}");
        assert!(FULL.render(&message).unwrap().ends_with("\n  19"));
    }

    #[test]
    fn a_line_that_is_no_entry_is_shown_as_it_is() {
        assert_eq!(SHORT.odd(b"\0\0{\"a\":\0").unwrap(), "\n[no entry: {\"a\":]");
        assert_eq!(SHORT.odd(b"{\"type\":\"mode\"}"), None);
    }

    #[test]
    fn what_is_not_said_is_not_shown() {
        let meta = Message::Said {
            speaker: Speaker::User,
            timestamp: None,
            is_meta: true,
            parts: vec![MessagePart::Text { text: "x".into() }],
        };
        assert_eq!(SHORT.render(&meta), None);
        assert!(FULL.render(&meta).is_some());
        assert_eq!(
            SHORT.render(&said(vec![MessagePart::Thinking { text: "hm".into() }])),
            None
        );
        assert_eq!(FULL.render(&Message::Other { of: "mode".into() }), None);
        let title = Message::Title { title: "A\nB".into() };
        assert_eq!(SHORT.render(&title).unwrap(), "\n# A B");
    }
}
