//! Reads the members of an entry that a summary needs, and its timestamp.

use std::time::{Duration, UNIX_EPOCH};

use crate::transcript::members::{each_member, string};

/// The members of an entry that a summary looks at, raw. Of a key that is there twice, the last one counts.
#[derive(Default)]
pub(super) struct EntryFields<'a> {
    kind: Option<&'a str>,
    timestamp: Option<&'a str>,
    is_meta: bool,
    is_compact_summary: bool,
    pub(super) is_sidechain: bool,
    pub(super) cwd: Option<&'a str>,
    pub(super) git_branch: Option<&'a str>,
    pub(super) custom_title: Option<&'a str>,
    pub(super) ai_title: Option<&'a str>,
    pub(super) last_prompt: Option<&'a str>,
    pub(super) summary: Option<&'a str>,
    pub(super) tag: Option<&'a str>,
    pub(super) message: Option<&'a str>,
}

impl<'a> EntryFields<'a> {
    /// None if the line is no JSON object.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let mut entry = Self::default();
        let text = std::str::from_utf8(line).ok()?;
        each_member(text, |key, value| {
            if let Some(key) = string(key) {
                entry.set(&key, value);
            }
        })
        .ok()?;
        Some(entry)
    }

    fn set(&mut self, key: &str, value: &'a str) {
        match key {
            "type" => self.kind = Some(value),
            "timestamp" => self.timestamp = Some(value),
            "isMeta" => self.is_meta = value == "true",
            "isCompactSummary" => self.is_compact_summary = value == "true",
            "isSidechain" => self.is_sidechain = value == "true",
            "cwd" => self.cwd = Some(value),
            "gitBranch" => self.git_branch = Some(value),
            "customTitle" => self.custom_title = Some(value),
            "aiTitle" => self.ai_title = Some(value),
            "lastPrompt" => self.last_prompt = Some(value),
            "summary" => self.summary = Some(value),
            "tag" => self.tag = Some(value),
            "message" => self.message = Some(value),
            _ => {}
        }
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.and_then(string).is_some_and(|found| found == kind)
    }

    /// Whether a person may have written it: neither the agent itself nor a compaction.
    pub(super) fn is_prompt(&self) -> bool {
        self.is("user") && !self.is_meta && !self.is_compact_summary
    }

    /// Its time in Unix milliseconds, if it can be read.
    pub(super) fn created_at(&self) -> Option<u64> {
        unix_ms(&string(self.timestamp?)?)
    }
}

/// Reads `2026-05-01`, `2026-05-01T10:00:00.001Z` and `2026-05-01T12:00:00+02:00`; without an offset, UTC.
fn unix_ms(text: &str) -> Option<u64> {
    let (local, offset_minutes) = split_offset(text);
    let midnight = if local.len() == "2026-05-01".len() {
        "T00:00:00"
    } else {
        ""
    };
    let time = humantime::parse_rfc3339_weak(&format!("{local}{midnight}")).ok()?;
    let since: Duration = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis())
        .ok()?
        .checked_add_signed(-offset_minutes * 60_000)
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
            assert_eq!(unix_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn of_a_member_that_is_there_twice_the_last_counts() {
        let entry = EntryFields::read(br#"{"type":"user","isMeta":true,"ty\u0070e":"tag","isMeta":false}"#).unwrap();
        assert!(entry.is("tag") && !entry.is_meta);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for line in [&b""[..], b"[]", b"{", b"{\"a\":\"\xff\"}", b"{} {}", b"null"] {
            assert!(EntryFields::read(line).is_none(), "{line:?}");
        }
    }
}
