//! The one reader of an entry: its members as raw slices, without parsing the rest.

use std::borrow::Cow;
use std::time::Duration;

use super::timestamp;
use crate::transcript::members::{each_item, each_member, string};

/// The members of an entry that anybody here looks at: raw, and empty if one is missing. Of several with one name, the
/// last one counts; names may be written with escapes.
#[derive(Debug, Default)]
pub(crate) struct EntryFields<'a> {
    pub(crate) kind: &'a str,
    pub(crate) uuid: &'a str,
    pub(crate) parent: &'a str,
    pub(crate) logical_parent: &'a str,
    pub(crate) session: &'a str,
    pub(crate) timestamp: &'a str,
    pub(crate) cwd: &'a str,
    pub(crate) git_branch: &'a str,
    pub(crate) message: &'a str,
    pub(crate) content: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) source: &'a str,
    pub(crate) is_meta: &'a str,
    pub(crate) is_compact_summary: &'a str,
    pub(crate) is_sidechain: &'a str,
    pub(crate) team: &'a str,
    pub(crate) custom_title: &'a str,
    pub(crate) ai_title: &'a str,
    pub(crate) last_prompt: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) tag: &'a str,
    pub(crate) replacements: &'a str,
}

/// The kinds of entries that a conversation is a chain of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKind {
    User,
    Assistant,
    /// Only links the chain, and is shown to nobody.
    Progress,
    System,
    Attachment,
}

impl<'a> EntryFields<'a> {
    /// `None` if the line is not a JSON object.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let mut fields = Self::default();
        let text = std::str::from_utf8(line).ok()?;
        each_member(text, |key, value| fields.put(key, value)).ok()?;
        Some(fields)
    }

    fn put(&mut self, key: &'a str, value: &'a str) {
        // A name that is no text has no place here.
        let place = match string(key).unwrap_or_default().as_ref() {
            "type" => &mut self.kind,
            "uuid" => &mut self.uuid,
            "parentUuid" => &mut self.parent,
            "logicalParentUuid" => &mut self.logical_parent,
            "sessionId" => &mut self.session,
            "timestamp" => &mut self.timestamp,
            "cwd" => &mut self.cwd,
            "gitBranch" => &mut self.git_branch,
            "message" => &mut self.message,
            "content" => &mut self.content,
            "agentId" => &mut self.agent,
            "sourceToolAssistantUUID" => &mut self.source,
            "isMeta" => &mut self.is_meta,
            "isCompactSummary" => &mut self.is_compact_summary,
            "isSidechain" => &mut self.is_sidechain,
            "teamName" => &mut self.team,
            "customTitle" => &mut self.custom_title,
            "aiTitle" => &mut self.ai_title,
            "lastPrompt" => &mut self.last_prompt,
            "summary" => &mut self.summary,
            "tag" => &mut self.tag,
            "replacements" => &mut self.replacements,
            _ => return,
        };
        *place = value;
    }

    /// Whether it is of this type.
    pub(crate) fn is(&self, kind: &str) -> bool {
        string(self.kind).is_some_and(|found| found == kind)
    }

    /// Whether it names the session's tag.
    pub(crate) fn is_tag(&self) -> bool {
        self.is("tag")
    }

    /// The model's response that its message is a part of, if it says so.
    pub(crate) fn response_id(&self) -> Option<Cow<'a, str>> {
        string(member(self.message, "id")).filter(|id| !id.is_empty())
    }

    /// When it was written, since 1970, if it says so.
    pub(crate) fn time(&self) -> Option<Duration> {
        timestamp::read(&string(self.timestamp)?)
    }

    /// Whether a person may have written it: neither the agent itself nor a compaction.
    pub(crate) fn is_prompt(&self) -> bool {
        self.is("user") && self.is_meta != "true" && self.is_compact_summary != "true"
    }

    /// Whether it says what tools replaced in a session.
    pub(crate) fn replaces(&self, session: &str) -> bool {
        self.is("content-replacement")
            && string(self.session).is_some_and(|of| of == session)
            && self.replacements.starts_with('[')
    }

    /// Kind and uuid, if it is part of a conversation.
    pub(crate) fn link(&self) -> Option<(RowKind, Cow<'a, str>)> {
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
    pub(crate) fn parent(&self) -> Option<Cow<'a, str>> {
        string(self.parent).filter(|parent| !parent.is_empty())
    }
}

/// Whether the agent gave a line an identity of its own (`uuid`): no other row has the same.
pub(crate) fn is_row(line: &[u8]) -> bool {
    EntryFields::read(line).is_some_and(|entry| string(entry.uuid).is_some_and(|uuid| !uuid.is_empty()))
}

/// The raw value that says which row one follows; `None` if the line has no such member.
pub(crate) fn parent_of(line: &[u8]) -> Option<&str> {
    let parent = EntryFields::read(line)?.parent;
    (!parent.is_empty()).then_some(parent)
}

/// Whether the agent mirrors lines of this kind. What it notes about its requests stays in its own file.
#[cfg(feature = "agent")]
pub(crate) fn is_mirrored(line: &[u8]) -> bool {
    const OWN: [&str; 2] = ["api-request", "resume-head-vouch"];
    // Most lines need not be read.
    if OWN
        .iter()
        .all(|own| memchr::memmem::find(line, own.as_bytes()).is_none())
    {
        return true;
    }
    let kind = EntryFields::read(line).and_then(|entry| string(entry.kind));
    kind.is_none_or(|kind| OWN.iter().all(|own| !kind.starts_with(own)))
}

/// Whether a raw value counts as yes: everything but null, false, zero and what is empty.
pub(crate) fn is_truthy(raw: &str) -> bool {
    match raw.as_bytes() {
        [] | b"null" | b"false" | b"\"\"" => false,
        [b'[' | b'{', inner @ .., _] => inner.iter().any(|byte| !byte.is_ascii_whitespace()),
        [b'-' | b'0'..=b'9', ..] => raw.parse::<f64>() != Ok(0.0),
        _ => true,
    }
}

/// The raw value of an object's member; empty if it is missing.
pub(crate) fn member<'a>(object: &'a str, name: &str) -> &'a str {
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
pub(crate) struct ContentBlock<'a> {
    kind: &'a str,
    pub(crate) id: &'a str,
    pub(crate) tool_use_id: &'a str,
}

impl ContentBlock<'_> {
    /// Whether it calls a tool.
    pub(crate) fn is_call(&self) -> bool {
        string(self.kind).is_some_and(|kind| kind == "tool_use")
    }

    /// Whether it is a tool's answer.
    pub(crate) fn is_answer(&self) -> bool {
        string(self.kind).is_some_and(|kind| kind == "tool_result")
    }
}

/// The blocks of a message's content; none where the content is a string.
pub(crate) fn blocks(message: &str) -> Vec<ContentBlock<'_>> {
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
    fn of_a_member_that_is_there_twice_the_last_counts_however_its_name_is_written() {
        let line = br#"{"type":"user","isMeta":true,"ty\u0070e":"tag","isMeta":false}"#;
        let entry = EntryFields::read(line).unwrap();
        assert!(entry.is("tag") && entry.is_meta == "false");
    }

    #[test]
    fn what_is_not_an_object_has_no_members() {
        for line in [&b""[..], b"[]", b"{", b"{\"a\":\"\xff\"}", b"{} {}", b"null"] {
            assert!(EntryFields::read(line).is_none(), "{line:?}");
        }
    }

    #[test]
    fn a_row_has_an_identity() {
        for row in [
            r#"{"uuid":"a"}"#,
            r#"{"uu\u0069d":"a"}"#,
            r#" {"n":{"uuid":""}, "uuid" : "a" }"#,
        ] {
            assert!(is_row(row.as_bytes()), "{row}");
        }
        for other in [
            r#"{"uuid":""}"#,
            r#"{"uuid":null}"#,
            r#"{"n":{"uuid":"a"}}"#,
            r#"{"uuid":"a""#,
            "odd",
            "[]",
        ] {
            assert!(!is_row(other.as_bytes()), "{other}");
        }
    }

    #[cfg(feature = "agent")]
    #[test]
    fn what_the_agent_keeps_to_itself_is_told_by_its_type() {
        assert!(!is_mirrored(br#"{"a":1,"type":"api-request-blob"}"#));
        assert!(!is_mirrored(br#"{"type":"resume-head-vouch"}"#));
        assert!(is_mirrored(br#"{"type":"user","text":"api-request"}"#));
        assert!(is_mirrored(br#"{"type":"user"}"#));
        assert!(is_mirrored(b"api-request"));
    }

    #[test]
    fn five_kinds_with_a_uuid_are_part_of_a_conversation() {
        let link = |line: &str| EntryFields::read(line.as_bytes()).and_then(|entry| entry.link().map(|(kind, _)| kind));
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
