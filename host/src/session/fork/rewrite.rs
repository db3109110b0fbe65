use bytes::Bytes;
use uuid::Uuid;

use super::super::edit::quoted;
use super::super::row::{Row, is_truthy};
use super::Links;
use crate::transcript::members::{each_member, string};

/// What stays with the session that it came from.
const LEFT_OUT: &[&str] = &["teamName", "agentName", "slug", "sourceToolAssistantUUID"];

/// What all entries of one fork share.
#[derive(Debug)]
pub(super) struct ForkStamp {
    /// The time of its making.
    pub(super) now: String,
    /// The session that is forked.
    pub(super) source: String,
    /// The new one.
    pub(super) session: String,
    pub(super) title: String,
}

impl ForkStamp {
    /// A message as the fork has it: other links, the rest as it is to the byte. None if it cannot be read.
    ///
    /// The last message is of now: the agent takes the newest one for the end.
    pub(super) fn message(&self, line: &[u8], row: &Row<'_>, links: &Links, is_last: bool) -> Option<Bytes> {
        let logical_parent = match is_truthy(row.logical_parent) {
            true => quoted_or_null(links.logical_parent),
            false if row.logical_parent.is_empty() => "null".to_owned(),
            false => row.logical_parent.to_owned(),
        };
        let timestamp = match row.timestamp {
            "" => quoted(&self.now),
            _ if is_last => quoted(&self.now),
            own => own.to_owned(),
        };
        let forked_from = format!(
            "{{\"sessionId\":{},\"messageUuid\":{}}}",
            quoted(&self.source),
            row.uuid
        );
        let members = [
            ("uuid", quoted_or_null(Some(links.uuid))),
            ("parentUuid", quoted_or_null(links.parent)),
            ("logicalParentUuid", logical_parent),
            ("sessionId", quoted(&self.session)),
            ("timestamp", timestamp),
            ("isSidechain", "false".to_owned()),
            ("forkedFrom", forked_from),
        ];
        with_members(std::str::from_utf8(line).ok()?, &members)
    }

    /// What tools replaced, as an entry, taken out; none where there is nothing.
    pub(super) fn replacements(&self, replaced: &mut String) -> Option<Bytes> {
        if replaced.is_empty() {
            return None;
        }
        let row = format!(
            "{{\"type\":\"content-replacement\",\"sessionId\":{},\"replacements\":[{}],\"uuid\":\"{}\",\"timestamp\":{}}}",
            quoted(&self.session),
            std::mem::take(replaced),
            Uuid::new_v4(),
            quoted(&self.now)
        );
        Some(row.into())
    }
}

impl Row<'_> {
    /// Whether it says what tools replaced in a session.
    pub(super) fn replaces(&self, session: &str) -> bool {
        string(self.kind).is_some_and(|kind| kind == "content-replacement")
            && string(self.session).is_some_and(|of| of == session)
            && self.replacements.starts_with('[')
    }
}

/// An object with members set: in their places where they are there, behind the others where not.
fn with_members(object: &str, members: &[(&str, String)]) -> Option<Bytes> {
    let mut written = Vec::new();
    let mut set = Vec::new();
    let read = each_member(object, |key, value| {
        let name = string(key).unwrap_or_default();
        match members.iter().find(|(member, _)| *member == name) {
            Some((member, _)) if set.contains(member) => {}
            Some((member, value)) => {
                set.push(*member);
                written.push(format!("{key}:{value}"));
            }
            None if LEFT_OUT.contains(&name.as_ref()) => {}
            None => written.push(format!("{key}:{value}")),
        }
    });
    read.ok()?;
    let missing = members.iter().filter(|(member, _)| !set.contains(member));
    written.extend(missing.map(|(member, value)| format!("\"{member}\":{value}")));
    Some(format!("{{{}}}", written.join(",")).into())
}

fn quoted_or_null(uuid: Option<Uuid>) -> String {
    uuid.map_or_else(|| "null".to_owned(), |uuid| format!("\"{uuid}\""))
}
