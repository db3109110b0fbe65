//! What is known of a subagent: a sidecar file (`agent-<id>.meta.json`) on disk, an entry of the type `agent_metadata`
//! in its transcript. Such an entry may stand anywhere and more than once; the last one counts.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::entry::{EntryFields, member};
use crate::transcript::members::{self, each_member, string};
use crate::transcript::{EntryError, object};

const TYPE: &str = "agent_metadata";

/// How [`from_sidecar`] ends an entry.
const SUFFIX: &str = r#""type":"agent_metadata"}"#;

/// Whether a line is a metadata entry. Cheap where it is not. The type must be written without escapes.
pub fn is_metadata(line: &[u8]) -> bool {
    memchr::memmem::find(line, TYPE.as_bytes()).is_some() && EntryFields::read(line).is_some_and(|entry| entry.is(TYPE))
}

/// The entry that holds what a sidecar file holds: its members as they are, then the type.
///
/// The entry is one line without LF: white space with a line break in it goes, all else stays to the byte.
///
/// ```
/// use mirrorbox::agent_format::metadata;
///
/// let entry = metadata::from_sidecar(br#"{"agentType":"Explore"}"#)?;
/// assert_eq!(entry, br#"{"agentType":"Explore","type":"agent_metadata"}"#);
/// assert_eq!(metadata::to_sidecar(&entry)?, br#"{"agentType":"Explore"}"#);
/// # Ok::<(), mirrorbox::transcript::EntryError>(())
/// ```
pub fn from_sidecar(bytes: &[u8]) -> Result<Vec<u8>, EntryError> {
    let text = object(bytes)?;
    let mut entry = without_line_breaks(text);
    let Some(end) = entry.rfind('}') else {
        return Err(EntryError::Empty);
    };
    let behind = entry.split_off(end);
    if !is_empty_object(&entry) {
        entry.push(',');
    }
    entry.push_str(SUFFIX);
    entry.push_str(behind.get(1..).unwrap_or_default());
    Ok(entry.into_bytes())
}

/// The call of a tool and the agent that a subagent was started by, as its metadata entry says.
pub(crate) fn parents(entry: &[u8]) -> (Option<String>, Option<String>) {
    // A line that is not text is not an entry, and names nobody.
    let text = std::str::from_utf8(entry).unwrap_or_default().trim_end();
    let id = |name| string(member(text, name)).map(Cow::into_owned);
    (id("toolUseId"), id("parentAgentId"))
}

/// The sidecar file of a metadata entry: the entry without its type.
///
/// What [`from_sidecar`] made comes back to the byte. Elsewhere white space around members is not kept.
pub fn to_sidecar(entry: &[u8]) -> Result<Vec<u8>, EntryError> {
    let text = object(entry)?;
    if !is_metadata(entry) {
        return Err(EntryError::NotMetadata);
    }
    let sidecar = without_suffix(text).unwrap_or_else(|| without_last_type(text));
    Ok(sidecar.into_bytes())
}

/// Whether two metadata entries say the same, whatever the order of their members; types are not compared.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    match (value(a), value(b)) {
        (Some(a), Some(b)) => a == b,
        // Good JSON that has no value here (a lone surrogate, 1e999): its text decides.
        _ => matches!((to_sidecar(a), to_sidecar(b)), (Ok(a), Ok(b)) if a == b),
    }
}

fn value(entry: &[u8]) -> Option<Map<String, Value>> {
    let mut value: Map<String, Value> = serde_json::from_slice(entry).ok()?;
    value.remove("type");
    Some(value)
}

fn is_type(key: &str) -> bool {
    members::string(key).is_some_and(|key| key == "type")
}

/// Undoes what [`from_sidecar`] does. In an object's text these bytes can only be its last member: a quote that begins
/// a string follows a colon or a comma, one inside a string follows a backslash.
fn without_suffix(text: &str) -> Option<String> {
    let (before, behind) = text.rsplit_once(SUFFIX)?;
    if !behind.bytes().all(members::is_space) {
        return None;
    }
    let before = before.strip_suffix(',').or(is_empty_object(before).then_some(before))?;
    Some(format!("{before}}}{behind}"))
}

/// An object's text up to its closing brace: is there no member yet?
fn is_empty_object(open: &str) -> bool {
    open.trim_matches(|char: char| char.is_ascii() && members::is_space(char as u8)) == "{"
}

fn without_last_type(text: &str) -> String {
    let mut kept = Vec::new();
    let read = each_member(text, |key, value| kept.push((key, value)));
    debug_assert!(read.is_ok(), "the text was checked");
    if let Some(at) = kept.iter().rposition(|(key, _)| is_type(key)) {
        kept.remove(at);
    }
    let members: Vec<_> = kept.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Removes every run of white space that holds a line break. Strings in JSON hold no raw line breaks.
fn without_line_breaks(text: &str) -> String {
    if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r']) {
        let (before, behind) = rest.split_at(at);
        line.push_str(before.trim_end_matches([' ', '\t']));
        rest = behind.trim_start_matches([' ', '\t', '\n', '\r']);
    }
    line.push_str(rest);
    line
}

#[cfg(test)]
mod tests;
