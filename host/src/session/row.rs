//! Reads the members of an entry that place it in a conversation, without parsing the rest.

use std::borrow::Cow;

use crate::transcript::members::{each_item, each_member, string};

/// The members of an entry that say where it stands in a conversation: raw, and empty if it is missing. Of several
/// with one name, the last one counts.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub(super) kind: &'a str,
    pub(super) uuid: &'a str,
    pub(super) parent: &'a str,
    pub(super) logical_parent: &'a str,
    pub(super) session: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) message: &'a str,
    pub(super) agent: &'a str,
    pub(super) source: &'a str,
    pub(super) is_meta: &'a str,
    pub(super) is_sidechain: &'a str,
    pub(super) team: &'a str,
    pub(super) custom_title: &'a str,
    pub(super) ai_title: &'a str,
    pub(super) replacements: &'a str,
}

/// The kinds of entries that a conversation is a chain of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    User,
    Assistant,
    /// Only links the chain, and is shown to nobody.
    Progress,
    System,
    Attachment,
}

impl<'a> Row<'a> {
    /// None if the line is no JSON object.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let mut row = Self::default();
        let text = std::str::from_utf8(line).ok()?;
        each_member(text, |key, value| row.put(key, value)).ok()?;
        Some(row)
    }

    fn put(&mut self, key: &'a str, value: &'a str) {
        let place = match string(key).unwrap_or_default().as_ref() {
            "type" => &mut self.kind,
            "uuid" => &mut self.uuid,
            "parentUuid" => &mut self.parent,
            "logicalParentUuid" => &mut self.logical_parent,
            "sessionId" => &mut self.session,
            "timestamp" => &mut self.timestamp,
            "message" => &mut self.message,
            "agentId" => &mut self.agent,
            "sourceToolAssistantUUID" => &mut self.source,
            "isMeta" => &mut self.is_meta,
            "isSidechain" => &mut self.is_sidechain,
            "teamName" => &mut self.team,
            "customTitle" => &mut self.custom_title,
            "aiTitle" => &mut self.ai_title,
            "replacements" => &mut self.replacements,
            _ => return,
        };
        *place = value;
    }

    /// Kind and uuid, if it is part of a conversation.
    pub(super) fn link(&self) -> Option<(RowKind, Cow<'a, str>)> {
        let kind = match string(self.kind)?.as_ref() {
            "user" => RowKind::User,
            "assistant" => RowKind::Assistant,
            "progress" => RowKind::Progress,
            "system" => RowKind::System,
            "attachment" => RowKind::Attachment,
            _ => return None,
        };
        Some((kind, string(self.uuid)?))
    }

    /// The uuid of the entry before it.
    pub(super) fn parent(&self) -> Option<Cow<'a, str>> {
        string(self.parent).filter(|parent| !parent.is_empty())
    }
}

/// Whether a raw value counts as yes: everything but null, false, zero and what is empty.
pub(super) fn is_truthy(raw: &str) -> bool {
    match raw.as_bytes() {
        [] | b"null" | b"false" | b"\"\"" => false,
        [b'[' | b'{', inner @ .., _] => inner.iter().any(|byte| !byte.is_ascii_whitespace()),
        [b'-' | b'0'..=b'9', ..] => raw.parse::<f64>() != Ok(0.0),
        _ => true,
    }
}

/// The raw value of an object's member; empty if it is missing.
pub(super) fn member<'a>(object: &'a str, name: &str) -> &'a str {
    let mut found = "";
    // What is no object has no members.
    let _ = each_member(object, |key, value| {
        if string(key).is_some_and(|key| key == name) {
            found = value;
        }
    });
    found
}

/// A block of a message's content, raw.
#[derive(Debug, Default)]
pub(super) struct ContentBlock<'a> {
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
    pub(super) tool_use_id: &'a str,
}

/// The blocks of a message's content; none where the content is a string.
pub(super) fn blocks(message: &str) -> Vec<ContentBlock<'_>> {
    let mut blocks = Vec::new();
    // What is no list has no items, and what is no object no members.
    let _ = each_item(member(message, "content"), |item| {
        let mut block = ContentBlock::default();
        let _ = each_member(item, |key, value| {
            match string(key).unwrap_or_default().as_ref() {
                "type" => block.kind = value,
                "id" => block.id = value,
                "tool_use_id" => block.tool_use_id = value,
                _ => {}
            };
        });
        blocks.push(block);
    });
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_kinds_with_a_uuid_are_part_of_a_conversation() {
        let link = |line: &str| Row::read(line.as_bytes()).and_then(|row| row.link().map(|(kind, _)| kind));
        assert_eq!(link(r#"{"type":"user","uuid":"a"}"#), Some(RowKind::User));
        assert_eq!(link(r#"{"uuid":"","t\u0079pe":"progress"}"#), Some(RowKind::Progress));
        for line in [
            r#"{"type":"tag","uuid":"a"}"#,
            r#"{"type":"user"}"#,
            r#"{"type":"user","uuid":1}"#,
            r#"{"type":["user"],"uuid":"a"}"#,
            "[]",
            "",
        ] {
            assert_eq!(link(line), None, "{line}");
        }
    }

    #[test]
    fn what_counts_as_yes() {
        for raw in ["true", "1", "-0.5", "\"x\"", "\"false\"", "[0]", "{\"a\":1}", "1e999"] {
            assert!(is_truthy(raw), "{raw}");
        }
        for raw in ["", "false", "null", "0", "-0.0", "0e5", "\"\"", "[]", "[ ]", "{\t}"] {
            assert!(!is_truthy(raw), "{raw}");
        }
    }

    #[test]
    fn blocks_come_in_order() {
        let message = r#"{"content":[{"type":"text"},1,{"id":"b","type":"tool_use","input":{"id":"c"}}]}"#;
        let ids: Vec<_> = blocks(message).iter().map(|block| (block.kind, block.id)).collect();
        assert_eq!(ids, [(r#""text""#, ""), ("", ""), (r#""tool_use""#, r#""b""#)]);
        assert!(blocks(r#"{"content":"tool_use"}"#).is_empty());
        assert!(blocks(r#"{"content":{"type":"text"}}"#).is_empty());
        assert!(blocks("").is_empty());
    }
}
