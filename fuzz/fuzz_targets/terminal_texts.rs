//! Text from outside comes to a terminal as printable text, and a document for programs says the same as before.

#![no_main]

#[allow(dead_code, reason = "the command uses all of it")]
#[path = "../../cli/src/output/text.rs"]
mod text;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: &str| {
    let safe = text::safe(given);
    assert!(
        safe.chars()
            .all(|char| char == '\n' || char == '\t' || is_harmless(char)),
        "{safe:?}"
    );
    assert_eq!(text::safe(&safe), safe);
    for line in [text::safe_line(given), text::record(given)] {
        assert!(line.chars().all(is_harmless), "{line:?}");
    }
    let message = text::message(given);
    let mut lines = message.lines().skip(1);
    assert!(
        lines.all(|line| line.is_empty() || line.starts_with("  ")),
        "{message:?}"
    );

    let document = serde_json::to_string(given).expect("text is JSON");
    let shown = text::safe_json(&document);
    assert!(shown.chars().all(is_harmless), "{shown:?}");
    assert_eq!(serde_json::from_str::<String>(&shown).ok().as_deref(), Some(given));
});

/// By the ranges that terminals and renderers act on, and not by the tables that the command asks.
fn is_harmless(char: char) -> bool {
    !matches!(char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'           // C0, DEL, C1
        | '\u{61c}' | '\u{200b}'..='\u{200f}'       // marks of direction, nothing to see
        | '\u{2028}'..='\u{202e}'                   // line ends, embeddings, overrides
        | '\u{2060}'..='\u{206f}'                   // isolates, invisible operators
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'      // variants, byte order
        | '\u{fff9}'..='\u{fffb}'                   // annotations
        | '\u{e0000}'..='\u{e0fff}'                 // tags, more variants
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..=char::MAX // private use
    )
}
