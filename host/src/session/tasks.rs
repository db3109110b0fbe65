//! Which session a caller's task runs in: a hidden stream for each task, stored and mirrored like any other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SessionError;
use super::stored::{PayloadLines, StoredReader};
use crate::key::{KeyError, SessionKey};
use crate::store::Store;

/// The project key of all tasks' streams. Listings of all projects leave it out.
pub const TASKS: &str = "mirrorbox-tasks";

/// A session that a task runs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The session's project key.
    pub project: String,
    /// Its id.
    pub session: String,
}

/// A line of a task's stream. It counts only where the task is bound to what it replaces: of two hosts that bind a task
/// at once, the first in the log wins, and both find the same winner.
#[derive(Debug, Serialize, Deserialize)]
struct BoundLine {
    r#type: String,
    #[serde(flatten)]
    bound: Bound,
    replaces: Option<String>,
}

const TYPE: &str = "task-binding";

/// The stream of a task.
pub fn task_key(task: &str) -> Result<SessionKey, KeyError> {
    SessionKey::main(TASKS, task)
}

/// The session that a task is bound to.
pub async fn bound(store: Arc<dyn Store>, task: &str) -> Result<Option<Bound>, SessionError> {
    let mut stored = StoredReader::new(store, task_key(task)?, None);
    let mut bound = None;
    while let Some(batch) = stored.next().await? {
        PayloadLines::new(batch.payload).for_each(|line| bind(&mut bound, &line));
    }
    Ok(bound)
}

/// Applies a line to the binding. A line that is not a binding, of a later version say, changes nothing.
fn bind(bound: &mut Option<Bound>, line: &[u8]) {
    let Ok(line) = serde_json::from_slice::<BoundLine>(line) else {
        return;
    };
    let current = bound.as_ref().map(|bound| &bound.session);
    if line.r#type == TYPE && line.replaces.as_ref() == current {
        *bound = Some(line.bound);
    }
}

impl Bound {
    /// The entry that binds a task to this session, where it is bound to `replaces` so far.
    pub fn to_entry(&self, replaces: Option<&Bound>) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&BoundLine {
            r#type: TYPE.to_owned(),
            bound: self.clone(),
            replaces: replaces.map(|bound| bound.session.clone()),
        })
    }

    /// The session's main key.
    pub fn key(&self) -> Result<SessionKey, KeyError> {
        SessionKey::main(&*self.project, &*self.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> Bound {
        Bound {
            project: "-srv".into(),
            session: id.into(),
        }
    }

    fn after(lines: &[Vec<u8>]) -> Option<Bound> {
        let mut bound = None;
        lines.iter().for_each(|line| bind(&mut bound, line));
        bound
    }

    #[test]
    fn the_first_of_two_that_bind_at_once_wins() {
        let [one, other] = ["one", "other"].map(session);
        let lines = [one.to_entry(None).unwrap(), other.to_entry(None).unwrap()];
        assert_eq!(after(&lines), Some(one));
    }

    #[test]
    fn a_binding_is_replaced_by_whoever_knows_it() {
        let [one, two, three] = ["one", "two", "three"].map(session);
        let lines = [
            one.to_entry(None).unwrap(),
            two.to_entry(Some(&one)).unwrap(),
            three.to_entry(Some(&one)).unwrap(),
        ];
        assert_eq!(after(&lines), Some(two));
    }

    #[test]
    fn other_lines_change_nothing() {
        let one = session("one");
        let lines = [
            b"{}".to_vec(),
            one.to_entry(None).unwrap(),
            b"{\"type\":\"x\"}".to_vec(),
        ];
        assert_eq!(after(&lines), Some(one));
        assert_eq!(after(&[]), None);
    }
}
