//! Good input that breaks careless code.

use bytes::Bytes;
use fastrand::Rng;

/// Parts of keys that lead elsewhere, or to each other, if an adapter makes paths, patterns or names of them.
/// Each is another key.
const PARTS: &[&str] = &[
    "a",
    "A",
    "a ",
    " a",
    "a.",
    "a/",
    "/a",
    "a//b",
    "a/b",
    "a\\b",
    "a:b",
    "a::b",
    "a%2Fb",
    "a%2fb",
    "a%b",
    "a_b",
    "a*b",
    "a?b",
    "[a]",
    "{a}",
    "..",
    ".",
    "../a",
    "...",
    "-",
    "--",
    "a-b",
    "C:",
    "con",
    "CON",
    "nul.txt",
    "~",
    "$HOME",
    "'",
    "\"",
    ";",
    "`",
    "\t",
    "\n",
    "\r\n",
    "\u{1}",
    "\u{7f}",
    "\u{e9}",
    "e\u{301}",
    "\u{c9}",
    "\u{df}",
    "ss",
    "\u{130}",
    "i",
    "I",
    "\u{1f600}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{202e}",
    "\u{feff}",
    "\u{2028}",
    "null",
    "None",
    "0",
    "00",
    "1e2",
    ".jsonl",
    "a.jsonl",
    ".meta.json",
    ".tmp",
    ".key",
    "__proto__",
    "main",
    "tombstones",
    "summary",
    "subagents",
];

/// Parts of keys: the list, long ones that differ in their last byte, and made-up ones. Each is there once.
pub(crate) fn parts(random: &mut Rng, made_up: usize) -> Vec<String> {
    let mut parts: Vec<String> = PARTS.iter().map(|part| (*part).to_owned()).collect();
    parts.extend(["x".repeat(255), "x".repeat(256)]);
    parts.extend(["y", "z"].map(|last| format!("{}{last}", "x".repeat(1_000))));
    for _ in 0..made_up {
        let pieces = (0..random.usize(2..6)).filter_map(|_| random.choice(PARTS));
        parts.push(pieces.copied().collect());
    }
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// Payloads that no parser likes: every byte, no UTF-8, no line end, numbers and escapes that printing would change.
pub(crate) fn payloads(random: &mut Rng, made_up: usize) -> Vec<Bytes> {
    const TEXTS: &[&str] = &[
        "\n",
        "\n\n\n",
        "\r\n",
        "{}",
        "{}\r\n{}\n",
        "\u{feff}{}\n",
        "{\"a\":\"\\u0000\"}\n",
        "{\"a\":\"\\ud800\"}\n",
        "{\"a\":1e400,\"a\":-0,\"a\":9007199254740993}\n",
        "{\"\u{e9}\":\"e\u{301}\u{2028}\u{1f600}\"}\n",
        "$1 %s ' \" ; -- \\ \\N \\. \\x00 {{}} ${a}\n",
        "*3\r\n$3\r\nSET\r\n",
        "--boundary\r\n\r\n0\r\n\r\n",
    ];
    let mut payloads: Vec<Bytes> = TEXTS.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
    payloads.push((0..=u8::MAX).collect());
    payloads.push(Bytes::from_static(b"\0"));
    payloads.push(Bytes::from_static(b"\xff\xfe\xed\xa0\x80\xc0\x80\n"));
    payloads.push("[".repeat(20_000).into());
    payloads.extend((0..made_up).map(|_| {
        let size = random.usize(1..5_000);
        noise(random, size)
    }));
    payloads
}

/// Random bytes.
pub(crate) fn noise(random: &mut Rng, size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    random.fill(&mut bytes);
    bytes.into()
}
