//! Reading, renaming, tagging and forking sessions through a host.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::block_on::block_on;
use crate::host::tests::fixture::{DEADLINE, Switched, host, stored};
use crate::host::{Host, SessionsError};
use crate::key::SessionKey;
use crate::mirror::DestinationOptions;
use crate::session::{Fork, ForkRows, Listing, News, SessionError};
use crate::store::{BatchDraft, Chain, Kind, MemoryStore, Origin, Store};

fn key() -> SessionKey {
    SessionKey::main("project", "session").unwrap()
}

fn said(uuid: &str, parent: Option<&str>) -> String {
    json!({"type": "user", "uuid": uuid, "parentUuid": parent, "message": {"content": uuid}}).to_string()
}

/// What another writer stored.
fn store(store: &MemoryStore, key: &SessionKey, batches: &[Vec<String>]) {
    let mut chain = Chain::start(key);
    for lines in batches {
        let batch = chain.next(BatchDraft {
            kind: Kind::Entries,
            origin: Origin {
                writer: "another".into(),
                line: 1,
            },
            payload: (lines.join("\n") + "\n").into(),
        });
        block_on(store.append(key, &batch, None)).unwrap();
    }
}

fn store_one(inside: &MemoryStore) {
    store(inside, &key(), &[vec![said("a", None)], vec![said("b", Some("a"))]]);
}

fn member(line: &str, name: &str) -> Value {
    serde_json::from_str::<Value>(line).unwrap()[name].clone()
}

fn is_unknown<T>(answer: Result<T, SessionsError>) -> bool {
    matches!(answer, Err(SessionsError::Session(SessionError::NotFound { .. })))
}

#[test]
fn a_stored_session_gets_a_title_and_a_tag() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    store_one(&destination.inside);
    let host = host(state.path(), destination.clone());
    let sessions = host.sessions("project");
    sessions.rename_blocking("session", " The title ").unwrap();
    sessions.tag_blocking("session", Some("later")).unwrap();
    assert!(host.flush_blocking(DEADLINE).unwrap().is_empty());
    let row = sessions.info_blocking("session").unwrap().unwrap();
    let info = row.info.unwrap();
    assert_eq!(
        (info.summary.as_str(), info.tag.as_deref()),
        ("The title", Some("later"))
    );
    sessions.tag_blocking("session", None).unwrap();
    assert!(host.flush_blocking(DEADLINE).unwrap().is_empty());
    let listed = sessions.list_blocking(&Listing::default()).unwrap();
    assert_eq!(listed[0].info.as_ref().unwrap().tag, None);
    assert_eq!(stored(&destination.inside, "session").len(), 5);
}

#[test]
fn what_nobody_knows_is_an_error_and_begins_nothing() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let host = host(state.path(), destination.clone());
    let sessions = host.sessions("project");
    assert!(is_unknown(sessions.rename_blocking("session", "x")));
    assert!(is_unknown(sessions.tag_blocking("session", None)));
    assert!(is_unknown(sessions.fork_blocking("session", &Fork::default())));
    assert!(is_unknown(sessions.messages_blocking("session")));
    assert!(sessions.info_blocking("session").unwrap().is_none());
    store_one(&destination.inside);
    let empty = sessions.rename_blocking("session", " ").unwrap_err();
    assert!(
        matches!(empty, SessionsError::Session(SessionError::Empty { .. })),
        "{empty}"
    );
    sessions.delete_blocking("session").unwrap();
    assert!(host.flush_blocking(DEADLINE).unwrap().is_empty());
    assert!(is_unknown(sessions.rename_blocking("session", "x")));
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    assert!(stored(&destination.inside, "session").is_empty());
}

#[test]
fn a_session_that_is_only_here_can_be_renamed() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::away());
    let host = host(state.path(), destination.clone());
    host.transcript(key()).append_blocking(&[said("a", None)]).unwrap();
    // It is known from the last look at what waits.
    assert_eq!(host.flush_blocking(std::time::Duration::ZERO).unwrap().entries(), 1);
    host.sessions("project").rename_blocking("session", "x").unwrap();
    destination.set_away(false);
    host.retry();
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    assert_eq!(member(&stored(&destination.inside, "session")[1], "customTitle"), "x");
}

#[test]
fn a_destination_that_lacks_the_session_gets_all_of_it_with_the_title() {
    let (state, full, empty) = (tempfile::tempdir().unwrap(), Switched::new(), Switched::new());
    store_one(&full.inside);
    let options = DestinationOptions::default;
    let host = Host::builder(state.path())
        .store_with("a-empty", empty.clone(), options())
        .store_with("full", full.clone(), options())
        .build_blocking()
        .unwrap();
    host.sessions("project").rename_blocking("session", "x").unwrap();
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    let lines = stored(&full.inside, "session");
    assert_eq!(lines.len(), 3);
    assert_eq!(stored(&empty.inside, "session"), lines);
}

#[test]
fn a_fork_is_a_session_of_its_own() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let many: Vec<_> = (0..1200)
        .map(|n: u32| said(&n.to_string(), n.checked_sub(1).map(|n| n.to_string()).as_deref()))
        .collect();
    store(&destination.inside, &key(), &[many]);
    let host = host(state.path(), destination.clone());
    let sessions = host.sessions("project");
    let forked = sessions.fork_blocking("session", &Fork::default()).unwrap();
    assert_eq!((forked.entries, forked.title.as_str()), (1201, "0 (fork)"));
    assert!(host.flush_blocking(DEADLINE).unwrap().is_empty());
    let mut messages = sessions.messages_blocking(forked.session.session_id()).unwrap();
    let mut count = 0;
    while let Some(message) = messages.next_blocking() {
        assert_eq!(message.unwrap().session_id, forked.session.session_id());
        count += 1;
    }
    assert_eq!(count, 1200);
    assert_eq!(sessions.list_blocking(&Listing::default()).unwrap().len(), 2);
}

#[test]
fn half_a_fork_is_taken_back() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let lines = |from: u32| (from..from + 600).map(|n| said(&n.to_string(), None)).collect();
    store(&destination.inside, &key(), &[lines(0), lines(600)]);
    let host = host(state.path(), destination.clone());
    let source: Arc<dyn Store> = destination.clone();
    let rows = block_on(ForkRows::new(source, &key(), &Fork::default())).unwrap();
    let fork = rows.session().unwrap();
    destination
        .inside
        .tamper(&key(), |batches| batches[1].payload = "{}\n".into());
    let sessions = host.sessions("project");
    let failed = block_on(sessions.work(async move |this| this.write(rows).await)).unwrap_err();
    assert!(!failed.can_retry(), "{failed}");
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    assert!(stored(&destination.inside, fork.session_id()).is_empty());
}

#[test]
fn messages_that_are_cut_off_are_no_short_answer() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let many = (0..200)
        .map(|n| said(&n.to_string(), Some(&(n - 1).to_string())))
        .collect();
    store(&destination.inside, &key(), &[many]);
    let host = host(state.path(), destination);
    let mut messages = host.sessions("project").messages_blocking("session").unwrap();
    messages.next_blocking().unwrap().unwrap();
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    let last = std::iter::from_fn(|| messages.next_blocking()).last().unwrap();
    assert!(matches!(last, Err(SessionsError::Host(_))), "{last:?}");
    assert!(messages.next_blocking().is_none());
}

#[test]
fn a_session_is_followed_until_the_host_is_closed() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    store_one(&destination.inside);
    let host = host(state.path(), destination.clone());
    let sessions = host.sessions("project");
    assert!(is_unknown(sessions.follow_blocking("nobody", None)));
    let mut following = sessions.follow_blocking("session", None).unwrap();
    let mut below = sessions.follow_blocking("session", Some("subagents/agent-1")).unwrap();
    let entry = |news: Option<Result<News, SessionsError>>| match news.unwrap().unwrap() {
        News::Entry(line) => String::from_utf8(line.to_vec()).unwrap(),
        news => panic!("{news:?}"),
    };
    // The last batch comes first.
    assert_eq!(entry(following.next_blocking()), said("b", Some("a")));
    host.transcript(key()).append_blocking(&[said("c", Some("b"))]).unwrap();
    let agent = host.transcript(key().with_subpath("subagents/agent-1").unwrap());
    agent.append_blocking(&[said("d", None)]).unwrap();
    assert!(host.flush_blocking(DEADLINE).unwrap().is_empty());
    assert_eq!(entry(following.next_blocking()), said("c", Some("b")));
    assert_eq!(entry(below.next_blocking()), said("d", None));
    sessions.delete_blocking("session").unwrap();
    assert_eq!(following.next_blocking().unwrap().unwrap(), News::Deleted);
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    while let Some(news) = below.next_blocking() {
        assert_eq!(news.unwrap(), News::Deleted);
    }
    assert!(following.next_blocking().is_none());
}
