//! Strategies for good input that breaks careless code.
//!
//! Every [`entry`] is a line that a transcript may hold, and every [`key`] one that a store must keep apart from all
//! others. Most keys must not become file names.

use proptest::prelude::*;
use proptest::sample::select;

/// An entry: the text of one JSON object without LF. No parser needs to like it: lone surrogates, numbers beyond every
/// type, keys that are there twice, deep nesting, odd white space, no uuid or the same one everywhere.
pub fn entry() -> impl Strategy<Value = String> {
    let members = prop::collection::vec(prop_oneof![3 => member(), 2 => usual_member()], 0..8);
    (members, space(), space()).prop_map(|(members, before, behind)| {
        let members = members.join(",");
        format!("{before}{{{behind}{members}{before}}}{behind}")
    })
}

/// A transcript of up to `lines` hostile entries, each with its LF.
pub fn transcript(lines: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(entry(), 0..=lines).prop_map(|entries| entries.iter().flat_map(|line| [line, "\n"]).collect())
}

/// The parts of a session key: opaque text without U+0000, 1 to 4096 bytes each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The project key.
    pub project_key: String,
    /// The session id.
    pub session_id: String,
    /// The subpath; none for the main transcript.
    pub subpath: Option<String>,
}

/// A key of which each part may say anything.
pub fn key() -> impl Strategy<Value = Key> {
    (key_part(), key_part(), prop::option::of(key_part())).prop_map(|(project_key, session_id, subpath)| Key {
        project_key,
        session_id,
        subpath,
    })
}

/// Text that leads elsewhere if a path, a pattern or a compound key is made of it without escaping.
pub fn key_part() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "A",
        "subagents",
        "agent-1",
        "/",
        "//",
        "\\",
        ":",
        "..",
        ".",
        "../",
        "..\\",
        "C:",
        "\\\\server\\share",
        "%2F",
        "%00",
        "*",
        "?",
        "[a]",
        "{a}",
        "~",
        "$HOME",
        "'",
        "\"",
        ";",
        "--",
        " ",
        "\t",
        "\r\n",
        "\u{7f}",
        "\u{e9}",
        "e\u{301}",
        "\u{1f600}",
        "\u{202e}",
        "\u{feff}",
        "\u{2028}",
        "con",
        "nul.txt",
        ".jsonl",
        ".meta.json",
        "__proto__",
    ];
    let pieces = prop::collection::vec(select(PIECES), 1..6).prop_map(|pieces| pieces.concat());
    let long = (200..=4096_usize).prop_map(|len| "x".repeat(len));
    prop_oneof![8 => pieces, 2 => "[^\0]{1,20}", 1 => long]
}

/// A JSON string with its quotes, escaped in ways that printing it anew would not keep.
pub fn string() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "plain",
        " ",
        "\\u0000",
        "\\ud800",
        "\\udc00",
        "\\udc00\\ud800",
        "\\ud83d\\ude00",
        "\u{1f600}",
        "\\u00e9",
        "\u{e9}",
        "e\u{301}",
        "\u{2028}",
        "\u{2029}",
        "\\u2028",
        "\\r\\n",
        "\\n",
        "\\/",
        "/",
        "\\\\",
        "\\\"",
        "\\b\\f\\t",
        "\\u001B",
        "\u{7f}",
        "\u{85}",
        "\u{feff}",
        "\u{fffe}",
        "\u{10ffff}",
        "{\\\"type\\\":\\\"user\\\"}",
        "</script>",
    ];
    prop::collection::vec(select(PIECES), 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn number() -> impl Strategy<Value = String> {
    const NUMBERS: &[&str] = &[
        "0",
        "-0",
        "-0.0",
        "1E400",
        "1e308",
        "1e999",
        "-1e999",
        "1e-999",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775809",
        "18446744073709551616",
        "0.1",
        "0.10",
        "1.0",
        "100",
        "1e2",
        "1E+2",
        "3.141592653589793238462643383279502884197",
    ];
    select(NUMBERS).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        string(),
        number(),
        select(&["true", "false", "null", "{}", "[]"][..]).prop_map(str::to_owned),
        (1..300_usize).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        (1..300_usize).prop_map(|depth| format!("{}0{}", "{\"a\":".repeat(depth), "}".repeat(depth))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let member = (string(), inner.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
        prop_oneof![
            list(inner).prop_map(|items| format!("[{items}]")),
            list(member).prop_map(|members| format!("{{{members}}}")),
        ]
    })
}

fn list(item: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (prop::collection::vec(item, 0..4), space()).prop_map(|(items, space)| items.join(&format!("{space},{space}")))
}

fn member() -> impl Strategy<Value = String> {
    (string(), space(), value(), space())
        .prop_map(|(key, before, value, behind)| format!("{key}{before}:{behind}{value}"))
}

/// Members that the host looks for: well formed, malformed, and repeated.
fn usual_member() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "type",
        "uuid",
        "parentUuid",
        "timestamp",
        "isSidechain",
        "isMeta",
        "isCompactSummary",
        "cwd",
        "gitBranch",
        "customTitle",
        "aiTitle",
        "lastPrompt",
        "summary",
        "tag",
        "message",
        "ty\\u0070e",
    ];
    (select(KEYS), usual_value(), space()).prop_map(|(key, value, space)| format!("\"{key}\"{space}:{space}{value}"))
}

fn usual_value() -> impl Strategy<Value = String> {
    const VALUES: &[&str] = &[
        "\"user\"",
        "\"assistant\"",
        "\"tag\"",
        "\"agent_metadata\"",
        "true",
        "false",
        "\"\"",
        "\"11111111-0000-4000-8000-000000000001\"",
        "\"2026-05-01T10:00:00.001Z\"",
        "\"2026-05-01\"",
        "\"yesterday\"",
        "{\"role\":\"user\",\"content\":\"do <command-name>/clear</command-name> it\"}",
        "{\"content\":[{\"type\":\"text\",\"text\":\" \\n first \\n\"},{\"type\":\"text\",\"text\":\"<tick>\"}]}",
        "{\"content\":[{\"type\":\"tool_result\"},{\"type\":\"text\",\"text\":\"x\"}]}",
    ];
    prop_oneof![2 => select(VALUES).prop_map(str::to_owned), 1 => value()]
}

/// White space between tokens, none of it LF. A CR is among it.
fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => select(&[" ", "\t", "\r", " \t\r "][..])]
}

#[cfg(test)]
mod tests;
