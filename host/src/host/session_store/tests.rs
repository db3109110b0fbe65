//! Sessions as the SDKs read and write them.

mod away;
mod contracts;
mod model;
mod others;
mod summaries;

use std::path::Path;
use std::sync::Arc;

use crate::host::session_store::{SessionStore, SessionStoreError, WhileAway};
use crate::host::tests::fixture::{DEADLINE, Switched, host, key, lines};
use crate::host::{Host, SessionStore as Public};
use crate::key::SessionKey;

/// A host with its store's facade.
struct Machine {
    host: Host,
    store: SessionStore,
}

impl Machine {
    fn new(state: &Path, destination: &Arc<Switched>) -> Self {
        let host = host(state, destination.clone());
        let store: Public = host.session_store();
        Self { host, store }
    }

    /// One that answers from its own spools while the destination is away.
    fn alone(state: &Path, destination: &Arc<Switched>) -> Self {
        let Self { host, store } = Self::new(state, destination);
        let store = store.while_away(WhileAway::AnswerFromHere);
        Self { host, store }
    }

    fn flush(&self) {
        assert!(self.host.flush_blocking(DEADLINE).unwrap().is_empty());
    }

    fn append(&self, key: &SessionKey, lines: &[impl AsRef<[u8]> + Sync]) {
        self.store.append_blocking(key, lines).unwrap();
    }

    fn load(&self, key: &SessionKey) -> Option<Vec<String>> {
        self.try_load(key).unwrap()
    }

    fn try_load(&self, key: &SessionKey) -> Result<Option<Vec<String>>, SessionStoreError> {
        let Some(mut loaded) = self.store.load_blocking(key)? else {
            return Ok(None);
        };
        let mut lines = Vec::new();
        while let Some(payload) = loaded.next_blocking() {
            let text = String::from_utf8(payload?.to_vec()).unwrap();
            assert!(text.ends_with('\n'));
            lines.extend(text.lines().map(str::to_owned));
        }
        Ok(Some(lines))
    }

    fn sessions(&self, project: &str) -> Vec<String> {
        let listed = self.store.list_sessions_blocking(project).unwrap();
        listed.into_iter().map(|listed| listed.session).collect()
    }

    fn close(self) {
        drop(self.store);
        drop(self.host.close_blocking(std::time::Duration::ZERO).unwrap());
    }
}

fn some(numbers: std::ops::RangeInclusive<u32>) -> Option<Vec<String>> {
    Some(lines(numbers))
}

fn sub(session: &str, subpath: &str) -> SessionKey {
    key(session).with_subpath(subpath).unwrap()
}

fn is_away<T: std::fmt::Debug>(answer: Result<T, SessionStoreError>, missing: &str) {
    let error = answer.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SessionStoreError::Away { .. }), "{text}");
    assert!(
        error.can_retry() && text.contains(missing) && text.contains("`memory`"),
        "{text}"
    );
}
