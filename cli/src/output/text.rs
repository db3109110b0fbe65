//! The fuzz target `terminal_texts` includes this file, so it stands for itself.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Text from outside for a terminal: what could move the cursor, turn text around, hide in it or worse is shown as a
/// symbol, and what only chooses between glyphs is left out. Line feeds and tabs stay.
pub(crate) fn safe(text: &str) -> String {
    let shown = |char| match char {
        '\n' | '\t' => Some(char),
        _ => shown(char),
    };
    text.chars().filter_map(shown).collect()
}

/// The same on one line.
pub(crate) fn safe_line(text: &str) -> String {
    let shown = |char| match char {
        '\n' | '\t' | '\r' => Some(' '),
        _ => shown(char),
    };
    text.chars().filter_map(shown).collect()
}

/// A message: what follows its first line is indented, so that none of it passes for another message.
pub(super) fn message(text: &str) -> String {
    let text = safe(text);
    let mut lines = text.lines();
    let mut message = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        message.push('\n');
        if !line.is_empty() && !line.starts_with("  ") {
            message.push_str("  ");
        }
        message.push_str(line);
    }
    message
}

/// A record of the log: one line, whatever is in it.
pub(super) fn record(text: &str) -> String {
    text.trim_end_matches('\n').chars().filter_map(shown).collect()
}

/// A JSON document that says the same, and is fit for a terminal. What is not stands in its strings, where it can be
/// written as `\u` and digits.
pub(super) fn safe_json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for char in document.chars() {
        if char.is_ascii_graphic() || char == ' ' || shown(char) == Some(char) {
            safe.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            safe.push_str(&format!("\\u{unit:04x}"));
        }
    }
    safe
}

/// How a character is shown; none where it is left out.
fn shown(char: char) -> Option<char> {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Surrogate, Unassigned,
    };
    Some(match char {
        ' '..='~' => char,
        // The symbols for C0 stand in the same order.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        // Variants, joiners, places to break: text has them everywhere, nobody sees them, and anything can be hidden in
        // them.
        '\u{ad}' | '\u{34f}' | '\u{200c}' | '\u{200d}' => return None,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => return None,
        // Letters that cannot be seen.
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => '\u{fffd}',
        _ => match char.general_category() {
            Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned => '\u{fffd}',
            SpaceSeparator => ' ',
            _ => char,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(safe("a\u{1b}[2Jb\n\tc\r\u{7f}\u{9b}"), "a␛[2Jb\n\tc␍␡\u{fffd}");
        assert_eq!(safe_line("a\nb\u{0}\u{202e}"), "a b␀\u{fffd}");
    }

    /// Every character that is no printable one, as the Unicode tables and terminals have it.
    fn unprintable() -> Vec<char> {
        let is_unprintable = |char: &char| {
            use GeneralCategory as Is;
            let category = char.general_category();
            matches!(
                category,
                Is::Control | Is::Format | Is::LineSeparator | Is::ParagraphSeparator | Is::PrivateUse | Is::Unassigned
            ) || matches!(char, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}')
        };
        ('\0'..=char::MAX).filter(is_unprintable).collect()
    }

    /// Ten thousand texts that hold each of them, and letters.
    #[test]
    fn nothing_but_printable_text_is_left() {
        let (unprintable, forbidden) = (unprintable(), unprintable().into_iter().collect::<HashSet<_>>());
        let is_clean = |text: &str, but: &[char]| {
            text.chars()
                .all(|char| but.contains(&char) || !forbidden.contains(&char))
        };
        for (number, part) in unprintable.chunks(unprintable.len().div_ceil(10_000)).enumerate() {
            let text: String = part.iter().flat_map(|char| [*char, 'ä', '漢', 'x']).collect();
            assert!(is_clean(&safe(&text), &['\n', '\t']), "{number}: {text:?}");
            assert!(is_clean(&safe_line(&text), &[]), "{number}: {text:?}");
            assert!(is_clean(&message(&text), &['\n', '\t']), "{number}: {text:?}");
            assert!(is_clean(&record(&text), &[]), "{number}: {text:?}");
            assert!(safe(&text).contains("ä漢x"), "{number}: {text:?}");
            let json = serde_json::to_string(&text).unwrap();
            assert!(is_clean(&safe_json(&json), &[]), "{number}: {json}");
            assert_eq!(serde_json::from_str::<String>(&safe_json(&json)).unwrap(), text);
        }
    }

    #[test]
    fn what_people_write_stays_as_it_looks() {
        for text in [
            "naïve – “quoted” €",
            "漢字、かな",
            "עברית العربية",
            "a\u{301}\u{30a}",
            "🦀 ✓ │ ▶",
        ] {
            assert_eq!(safe(text), text);
        }
        assert_eq!(safe("❤\u{fe0f} 👩\u{200d}💻 a\u{a0}b\u{3000}c"), "❤ 👩💻 a b c");
    }

    #[test]
    fn no_message_passes_for_another() {
        assert_eq!(
            message("error: a\n  advice\n\nerror: b\n"),
            "error: a\n  advice\n\n  error: b"
        );
        assert_eq!(record("WARN a\nERROR b\r\n"), "WARN a␊ERROR b␍");
    }
}
