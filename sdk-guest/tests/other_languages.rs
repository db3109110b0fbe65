//! The SDK for Python encodes parts of keys as this one does, and its documentation is right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use mirrorbox_adapter::encoding::{decode, decode_file_name, encode, encode_file_name};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const VECTORS: usize = 10_000;

/// Reads a part a line, in hex, and prints what each function makes of it; nothing for `None`.
const ENCODE: &str = "
import sys
from mirrorbox_adapter.encoding import decode, decode_file_name, encode, encode_file_name
for line in sys.stdin:
    part = bytes.fromhex(line).decode()
    made = (made(part) for made in (encode, encode_file_name, decode, decode_file_name))
    print(*('-' if text is None else text.encode().hex() for text in made), sep=',')
";

const DOCTEST: &str = "
import doctest, mirrorbox_adapter.encoding, mirrorbox_adapter.settings
for module in (mirrorbox_adapter.encoding, mirrorbox_adapter.settings):
    failed, tried = doctest.testmod(module)
    assert tried and not failed, module
";

/// Runs a program in Python with these lines on its standard input; what it prints.
fn python(program: &str, input: &str) -> String {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let mut child = Command::new("python3")
        .args(["-B", "-c", program])
        .env("PYTHONPATH", sdk)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the SDK for Python is tested with python3");
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writes = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writes.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Awkward parts: what file systems fold, cut or reserve, half an escape, and any other text.
fn parts() -> Vec<String> {
    let pieces = prop::sample::select(vec![
        "a",
        "A",
        "%",
        "%61",
        "%2E",
        "~",
        ".",
        "..",
        "/",
        ":",
        "-",
        "_",
        " ",
        "\\",
        "con",
        "nul",
        "com1",
        "\u{feff}",
        "é",
        "e\u{301}",
        "\u{1}",
        "İ",
        "\n",
        "\r\n",
        "\u{1F980}",
    ]);
    let any = any::<char>().prop_filter("no part holds it", |char| *char != '\0');
    let pieces = prop_oneof![pieces.prop_map(str::to_owned), any.prop_map(String::from)];
    let part = prop_oneof![
        prop::collection::vec(pieces.clone(), 0..6),
        prop::collection::vec(pieces, 150..220),
    ];
    let mut runner = TestRunner::default();
    let part = part.prop_map(|pieces| pieces.concat());
    (0..VECTORS)
        .map(|_| part.new_tree(&mut runner).unwrap().current())
        .collect()
}

#[test]
fn ten_thousand_parts_have_the_same_names_in_python() {
    let parts = parts();
    let input: String = parts.iter().map(|part| hex(part) + "\n").collect();
    let made = python(ENCODE, &input);
    assert_eq!(made.lines().count(), parts.len());
    for (part, made) in parts.iter().zip(made.lines()) {
        let none_or = |text: Option<String>| text.map_or("-".to_owned(), |text| hex(&text));
        let ours = [
            hex(&encode(part)),
            hex(&encode_file_name(part)),
            none_or(decode(part)),
            none_or(decode_file_name(part)),
        ];
        assert_eq!(made, ours.join(","), "{part:?}");
    }
}

#[test]
fn the_documentation_of_the_sdk_for_python_is_right() {
    python(DOCTEST, "");
}
