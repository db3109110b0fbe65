//! Rows that carry a uuid and name their parent, in the common envelope.

use std::fmt::{self, Write as _};

use fastrand::Rng;

/// The first moment of every made-up session: 2026-05-01T10:00:00Z, in milliseconds of that month.
const MORNING: u64 = 10 * 3_600_000;
const DAY: u64 = 86_400_000;
/// Every month has 28 days here.
const DAYS: u64 = 28;

/// A random uuid of version 4.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uuid(u128);

impl Uuid {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let (version, variant) = (0x4 << 76, 0x8 << 60);
        Self(rng.u128(..) & !(0xf << 76) & !(0xc << 60) | version | variant)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = ((self.0 >> 64) as u64, self.0 as u64);
        let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
        write!(
            f,
            "{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}",
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// Made-up time: milliseconds since the first moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = MORNING + self.0;
        let (day, ms) = (ms / DAY, ms % DAY);
        let month = 4 + day / DAYS;
        let (year, month, day) = (2026 + month / 12, month % 12 + 1, day % DAYS + 1);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(
            f,
            "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
            ms % 1000
        )
    }
}

/// One transcript's rows, each naming the one before it.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) session: Uuid,
    parent: Option<Uuid>,
    time: Time,
    /// What each row begins with behind its parent.
    head: String,
    /// What each row ends with.
    tail: String,
}

impl Chain {
    /// A session's main transcript.
    pub(crate) fn main(session: Uuid, cwd: &str) -> Self {
        Self {
            session,
            parent: None,
            time: Time(0),
            head: r#","isSidechain":false"#.to_owned(),
            tail: tail(session, cwd),
        }
    }

    /// A subagent's transcript; its rows carry the session's id.
    pub(crate) fn of_agent(session: Uuid, cwd: &str, agent: &str) -> Self {
        Self {
            head: format!(r#","isSidechain":true,"agentId":"{agent}""#),
            ..Self::main(session, cwd)
        }
    }

    /// Lets time pass, and says what time it is.
    pub(crate) fn now(&mut self, rng: &mut Rng) -> Time {
        self.time = Time(self.time.0 + rng.u64(1..2000));
        self.time
    }

    /// Appends a row, given its own members (raw), and continues the chain from it.
    pub(crate) fn row(&mut self, rng: &mut Rng, out: &mut String, kind: &str, members: fmt::Arguments<'_>) -> Uuid {
        let uuid = Uuid::new(rng);
        self.row_with(rng, out, kind, uuid, members);
        self.parent = Some(uuid);
        uuid
    }

    /// As [`Chain::row`] with a given uuid; the chain stays where it is.
    pub(crate) fn row_with(
        &mut self,
        rng: &mut Rng,
        out: &mut String,
        kind: &str,
        uuid: Uuid,
        members: fmt::Arguments<'_>,
    ) {
        let time = self.stamp(rng);
        let (head, tail) = (&self.head, &self.tail);
        out.push_str(r#"{"parentUuid":"#);
        put(out, format_args!("{}{head},{members}", Parent(self.parent)));
        put(
            out,
            format_args!(r#","type":"{kind}","uuid":"{uuid}","timestamp":"{time}"{tail}"#),
        );
        out.push('\n');
    }

    /// Appends a row without uuid.
    pub(crate) fn loose(&self, out: &mut String, kind: &str, members: fmt::Arguments<'_>) {
        let session = self.session;
        put(
            out,
            format_args!(r#"{{"type":"{kind}",{members},"sessionId":"{session}"}}"#),
        );
        out.push('\n');
    }

    /// The uuid of the newest row.
    pub(crate) fn leaf(&self) -> impl fmt::Display {
        Parent(self.parent)
    }

    /// Forgets the parent: the next row is a root. The newest row's uuid, as [`Chain::leaf`].
    pub(crate) fn cut(&mut self) -> impl fmt::Display + use<> {
        Parent(self.parent.take())
    }

    /// Now, or a little earlier: stamps are not in order in a real transcript either.
    fn stamp(&mut self, rng: &mut Rng) -> Time {
        let now = self.now(rng);
        Time(now.0.saturating_sub(if rng.u8(..) < 40 { rng.u64(..3000) } else { 0 }))
    }
}

/// A uuid as JSON, or null.
struct Parent(Option<Uuid>);

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(uuid) => write!(f, "\"{uuid}\""),
            None => f.write_str("null"),
        }
    }
}

fn tail(session: Uuid, cwd: &str) -> String {
    let about = r#""version":"2.1.329","gitBranch":"main"}"#;
    format!(r#","userType":"external","entrypoint":"sdk-py","cwd":"{cwd}","sessionId":"{session}",{about}"#)
}

/// Writing to a string cannot fail.
pub(crate) fn put(out: &mut String, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_4() {
        let uuid = Uuid::new(&mut Rng::with_seed(1)).to_string();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        let groups: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
    }

    #[test]
    fn times_are_iso_dates() {
        assert_eq!(Time(0).to_string(), "2026-05-01T10:00:00.000Z");
        assert_eq!(Time(14 * 3_600_000 + 61_001).to_string(), "2026-05-02T00:01:01.001Z");
        assert_eq!(Time(8 * DAYS * DAY).to_string(), "2027-01-01T10:00:00.000Z");
    }
}
