//! The entries that people's commands add to a session.

use bytes::Bytes;
use uuid::Uuid;

use crate::transcript::members::quoted;

/// The entry that gives a session a title.
pub(crate) fn title_entry(session: &str, title: &str, now: &str) -> Bytes {
    entry("custom-title", "customTitle", title, session, now)
}

/// The entry that tags a session; an empty tag takes its tag away.
pub(crate) fn tag_entry(session: &str, tag: &str, now: &str) -> Bytes {
    entry("tag", "tag", tag, session, now)
}

fn entry(kind: &str, name: &str, value: &str, session: &str, now: &str) -> Bytes {
    let (value, session, uuid) = (quoted(value), quoted(session), Uuid::new_v4());
    format!(
        "{{\"type\":\"{kind}\",\"{name}\":{value},\"sessionId\":{session},\"uuid\":\"{uuid}\",\"timestamp\":\"{now}\"}}"
    )
    .into()
}
