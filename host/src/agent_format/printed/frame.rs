use std::borrow::Cow;

use crate::transcript::members;

/// New entries of one transcript file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// The transcript's file, absolute.
    pub(crate) file: Cow<'a, str>,
    /// Each a JSON object, as the agent wrote it.
    pub(crate) entries: Vec<&'a str>,
}

/// Reads a frame; none where it is malformed.
pub(crate) fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (mut file, mut list) = (None, None);
    members::each_member(text, |name, value| match name {
        FILE => file = members::string(value),
        ENTRIES => list = Some(value),
        _ => {}
    })
    .ok()?;
    let mut entries = Vec::new();
    members::each_item(list?, |entry| entries.push(entry)).ok()?;
    let is_entry = |entry: &&str| entry.starts_with('{');
    entries.iter().all(is_entry).then_some(())?;
    Some(Frame { file: file?, entries })
}

const FILE: &str = "\"filePath\"";
const ENTRIES: &str = "\"entries\"";

/// The file that a torn frame names, if it got that far: `filePath` comes before the entries.
pub(crate) fn file_of_torn(bytes: &[u8]) -> Option<String> {
    let name = memchr::memmem::find(bytes, FILE.as_bytes())? + FILE.len();
    let value = bytes.get(name..)?.strip_prefix(b":")?;
    let mut quotes = memchr::memchr_iter(b'"', value).filter(|at| !is_escaped(value, *at));
    let (begin, end) = (quotes.next()?, quotes.next()?);
    let raw = std::str::from_utf8(value.get(begin..=end)?).ok()?;
    members::string(raw).map(Cow::into_owned)
}

/// Whether an odd number of backslashes stands before a place.
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_as_they_were_written() {
        let text =
            r#"{"type":"transcript_mirror","filePath":"/p/\u00e9\".jsonl","entries":[{"a": 1e999,"a":"\ud800"},{}]}"#;
        let frame = parse(text.as_bytes()).unwrap();
        assert_eq!(frame.file, "/p/é\".jsonl");
        assert_eq!(frame.entries, [r#"{"a": 1e999,"a":"\ud800"}"#, "{}"]);
    }

    #[test]
    fn whatever_is_cut_off_is_no_frame_but_may_name_its_file() {
        let text = r#"{"type":"transcript_mirror","filePath":"/p/a\\\"b.jsonl","entries":[{"a":1}]}"#;
        let named = text.find(r#","entries""#).unwrap();
        for cut in 0..text.len() {
            let torn = &text.as_bytes()[..cut];
            assert_eq!(parse(torn), None, "cut at {cut}");
            let file = (cut >= named).then(|| r#"/p/a\"b.jsonl"#.to_owned());
            assert_eq!(file_of_torn(torn), file, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_made_of_objects_is_no_frame() {
        for entries in ["1", "[1]", "{}", "[[]]", "[null]"] {
            let text = format!(r#"{{"type":"transcript_mirror","filePath":"/p","entries":{entries}}}"#);
            assert_eq!(parse(text.as_bytes()), None, "{entries}");
        }
    }
}
