use std::time::{Duration, UNIX_EPOCH};

/// Text from outside for a terminal: control characters, which could move the cursor or worse, are shown as symbols.
/// Line feeds and tabs stay.
pub(crate) fn safe(text: &str) -> String {
    text.chars()
        .map(|char| if matches!(char, '\n' | '\t') { char } else { shown(char) })
        .collect()
}

/// The same on one line.
pub(crate) fn safe_line(text: &str) -> String {
    text.chars()
        .map(|char| {
            if matches!(char, '\n' | '\t' | '\r') {
                ' '
            } else {
                shown(char)
            }
        })
        .collect()
}

fn shown(char: char) -> char {
    match char {
        // The symbols for C0 stand in the same order.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        // C1, and what turns the direction of text around.
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other => other,
    }
}

/// At most `width` characters.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Unix milliseconds as UTC, to the second.
pub(crate) fn instant(milliseconds: u64) -> String {
    // A backend may say anything; beyond the year 9999 there is no way to write it.
    const LAST: u64 = 253_402_300_799_000;
    let time = UNIX_EPOCH + Duration::from_millis(milliseconds.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Bytes for people.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// `1 entry`, `2 entries`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", indicatif::HumanCount(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(safe("a\u{1b}[2Jb\n\tc\r\u{7f}\u{9b}"), "a␛[2Jb\n\tc␍␡\u{fffd}");
        assert_eq!(safe_line("a\nb\u{0}\u{202e}"), "a b␀\u{fffd}");
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüx", 3), "äö…");
        assert_eq!(cut("", 3), "");
    }

    #[test]
    fn figures_are_for_people() {
        assert_eq!(instant(1_777_629_600_123), "2026-05-01T10:00:00Z");
        assert_eq!(instant(u64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(bytes(3 << 20), "3.00 MiB");
        assert_eq!(count(1, "entry", "entries"), "1 entry");
        assert_eq!(count(12_345, "entry", "entries"), "12,345 entries");
    }
}
