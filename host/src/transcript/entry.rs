//! Checks whether a line is an entry. The spool asks that of every line: `append` refuses what is not one, and what was
//! read from a file is stored as it is, and marked.

use super::members;

/// Why bytes are not an entry. Offsets are bytes from the start of the line; nothing of what it says is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// There is nothing but white space.
    #[error("the line is empty; an entry is one JSON object")]
    Empty,
    /// An LF would end the line.
    #[error("a line feed at byte {offset}; an entry is one line (inside a string, write \\n)")]
    LineFeed {
        /// Where it is.
        offset: usize,
    },
    /// Not UTF-8.
    #[error("invalid UTF-8 at byte {offset}")]
    Utf8 {
        /// The first byte that is not.
        offset: usize,
    },
    /// JSON perhaps, but not an object.
    #[error("an entry is one JSON object, but at byte {offset} begins something else")]
    NotObject {
        /// Where it begins.
        offset: usize,
    },
    /// Not JSON.
    #[error("not JSON at byte {offset}: {reason}")]
    Syntax {
        /// Where reading stopped, at the first bad byte or just before it.
        offset: usize,
        /// What was expected there.
        reason: String,
    },
    /// Not a metadata entry ([`crate::agent_format::metadata`]).
    #[error("not an entry of type \"agent_metadata\"")]
    NotMetadata,
}

/// Whether a line, given without its LF, is an entry: UTF-8, no LF, and the text of one JSON object.
///
/// Values are looked over, never built: a lone surrogate escape, 1e999, a key that is there twice and any depth of
/// nesting are good JSON and pass. Memory: one byte for each level of nesting.
///
/// ```
/// use mirrorbox::transcript::{EntryError, check_entry};
///
/// assert_eq!(check_entry(br#"{"n":1e999,"n":-0,"s":"\ud800"}"#), Ok(()));
/// assert_eq!(check_entry(b"[]"), Err(EntryError::NotObject { offset: 0 }));
/// ```
pub fn check_entry(line: &[u8]) -> Result<(), EntryError> {
    if let Some(offset) = memchr::memchr(b'\n', line) {
        return Err(EntryError::LineFeed { offset });
    }
    object(line).map(drop)
}

/// The text of one JSON object, LF allowed where JSON allows it.
pub(crate) fn object(bytes: &[u8]) -> Result<&str, EntryError> {
    let text = std::str::from_utf8(bytes).map_err(|error| EntryError::Utf8 {
        offset: error.valid_up_to(),
    })?;
    let begin = text.bytes().position(|byte| !members::is_space(byte));
    match begin.map(|offset| (offset, text.as_bytes().get(offset))) {
        None => Err(EntryError::Empty),
        Some((offset, first)) if first != Some(&b'{') => Err(EntryError::NotObject { offset }),
        Some(_) => members::check(text)
            .map_err(|error| syntax(text, &error))
            .map(|()| text),
    }
}

fn syntax(text: &str, error: &serde_json::Error) -> EntryError {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let message = error.to_string();
    EntryError::Syntax {
        offset: before + error.column().saturating_sub(1),
        reason: message.split(" at line ").next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests;
