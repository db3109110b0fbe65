use std::time::{Duration, UNIX_EPOCH};

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
