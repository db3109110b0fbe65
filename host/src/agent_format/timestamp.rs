//! Times as entries say them.

use std::time::{Duration, UNIX_EPOCH};

/// Reads `2026-05-01`, `2026-05-01T10:00:00.001Z` and `2026-05-01T12:00:00+02:00`; without an offset, UTC.
/// Returns the time since 1970.
pub(super) fn read(text: &str) -> Option<Duration> {
    let (local, offset_minutes) = split_offset(text);
    let midnight = if local.len() == "2026-05-01".len() {
        "T00:00:00"
    } else {
        ""
    };
    let time = humantime::parse_rfc3339_weak(&format!("{local}{midnight}")).ok()?;
    let local = time.duration_since(UNIX_EPOCH).ok()?;
    let seconds = local.as_secs().checked_add_signed(-offset_minutes * 60)?;
    Some(Duration::new(seconds, local.subsec_nanos()))
}

/// Splits `+02:00` off, as minutes.
fn split_offset(text: &str) -> (&str, i64) {
    let parsed = || {
        let (local, offset) = text.split_at_checked(text.len().checked_sub("+02:00".len())?)?;
        let (hours, minutes) = offset.get(1..)?.split_once(':')?;
        let minutes = two_digits(hours)? * 60 + two_digits(minutes)?;
        match offset.get(..1)? {
            "+" => Some((local, minutes)),
            "-" => Some((local, -minutes)),
            _ => None,
        }
    };
    parsed().unwrap_or((text, 0))
}

fn two_digits(text: &str) -> Option<i64> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, ms) in [
            ("2026-05-01T10:00:00.001Z", Some(1_777_629_600_001)),
            ("2026-05-01T10:00:00Z", Some(1_777_629_600_000)),
            ("2026-05-01T10:00:00.123456789Z", Some(1_777_629_600_123)),
            ("2026-05-01 10:00:00", Some(1_777_629_600_000)),
            ("2026-05-01", Some(1_777_593_600_000)),
            ("2026-05-01T12:00:00+02:00", Some(1_777_629_600_000)),
            ("2026-05-01T08:30:00.5-01:30", Some(1_777_629_600_500)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00+00:01", None),
            ("2026-02-29T00:00:00Z", None),
            ("2026-05-01T25:00:00Z", None),
            ("yesterday", None),
            ("\u{e9}\u{e9}\u{e9}:\u{e9}", None),
            ("+02:00", None),
            ("", None),
        ] {
            let read = read(text).map(|time| time.as_millis());
            assert_eq!(read, ms, "{text}");
        }
    }
}
