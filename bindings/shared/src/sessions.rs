//! What is done with stored sessions: options as the languages pass them, answers as JSON.

use std::time::{Duration, SystemTime};

use mirrorbox::session::{Fork, Listing, News, RestoreEnd, RestoreOptions, RestoreReport};
use serde::Serialize;

use crate::failure::{Class, Failure};

/// An answer as JSON: rows of sessions, subagents, messages, forks.
pub fn json(answer: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(answer).map_err(|error| Failure::new(Class::Read, error))
}

/// Which sessions to list: of one project, so many of the newest passed over, so many at most.
pub fn listing(shown_only: bool, offset: u32, limit: Option<u32>) -> Listing {
    Listing {
        project: None,
        shown_only,
        offset: offset as usize,
        limit: limit.map(|limit| limit as usize),
    }
}

/// What a fork is to be.
pub fn fork(through: Option<String>, title: Option<String>) -> Fork {
    Fork { through, title }
}

/// Where a restored session lies, and where it ends: behind the row with a uuid, or before rows that are younger than a
/// time in Unix seconds.
pub fn restore_options(
    folder: Option<String>,
    through: Option<String>,
    at: Option<f64>,
) -> Result<RestoreOptions, Failure> {
    let at = match at {
        None => None,
        Some(seconds) => {
            let time = Duration::try_from_secs_f64(seconds).ok();
            let time = time.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time));
            Some(time.ok_or_else(|| Failure::new(Class::Invalid, format_args!("{seconds} s since 1970 is no time")))?)
        }
    };
    let end = match (through, at) {
        (Some(_), Some(_)) => {
            let message = "a restored session ends behind a row or at a time: pass one of both";
            return Err(Failure::new(Class::Invalid, message));
        }
        (through, at) => through.map(RestoreEnd::Through).or(at.map(RestoreEnd::At)),
    };
    Ok(RestoreOptions { folder, end })
}

/// What came of restoring one session, as JSON. A session that could not be restored is a failure, and no row.
pub fn restored(report: RestoreReport) -> Result<String, Failure> {
    let Some(session) = report.sessions.into_iter().next() else {
        return Err(Failure::new(Class::Read, "nothing was restored"));
    };
    match session.failure {
        Some(failed) => Err(failed.into()),
        None => json(&session),
    }
}

/// Something that happened to a stream that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `entry`, `deleted`, `away`, `back`.
    pub name: &'static str,
    /// What happened, in words; none for an entry.
    pub text: Option<String>,
    /// The entry's line without its LF, as it was written.
    pub line: Option<Vec<u8>>,
}

/// News as the languages pass them on.
pub fn told(news: &News) -> Told {
    let (name, text, line) = match news {
        News::Entry(line) => ("entry", None, Some(line.to_vec())),
        News::Deleted => (
            "deleted",
            Some("it was deleted; what comes now begins it anew".to_owned()),
            None,
        ),
        News::Away { cause } => ("away", Some(format!("{cause}; it is asked again")), None),
        News::Back => ("back", Some("the destination answers again".to_owned()), None),
        _ => (
            "unknown",
            Some("something that this version does not know".to_owned()),
            None,
        ),
    };
    Told { name, text, line }
}
