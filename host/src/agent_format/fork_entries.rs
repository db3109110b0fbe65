//! The entries of a fork, written anew.

use bytes::Bytes;
use uuid::Uuid;

use super::entry::{EntryFields, is_truthy};
use crate::transcript::members::{each_member, quoted, string};

/// What stays with the session that it came from.
const LEFT_OUT: &[&str] = &["teamName", "agentName", "slug", "sourceToolAssistantUUID"];

/// What all entries of one fork share.
#[derive(Debug)]
pub(crate) struct ForkStamp {
    /// The time of its making.
    pub(crate) now: String,
    /// The session that is forked.
    pub(crate) source: String,
    /// The new one.
    pub(crate) session: String,
    pub(crate) title: String,
}

/// What a message is linked to in the fork.
#[derive(Debug)]
pub(crate) struct ForkLinks {
    pub(crate) uuid: Uuid,
    pub(crate) parent: Option<Uuid>,
    pub(crate) logical_parent: Option<Uuid>,
}

impl ForkStamp {
    /// A message as the fork has it: other links, the rest as it is to the byte. None if it cannot be read.
    ///
    /// The last message is of now: the agent takes the newest one for the end.
    pub(crate) fn message(
        &self,
        line: &[u8],
        row: &EntryFields<'_>,
        links: &ForkLinks,
        is_last: bool,
    ) -> Option<Bytes> {
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
    pub(crate) fn replacements(&self, replaced: &mut String) -> Option<Bytes> {
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
