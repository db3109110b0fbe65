use std::fs;
use std::path::Path;
use std::time::Duration;

use super::fixture::{DEADLINE, Switched, builder, key, line, lines, stored};
use crate::config::Keep;
use crate::spool::Spool;

/// Leaves a delivered spool behind, has another host look after it, and gives how many spools with streams are there
/// then.
fn kept(keep: Keep, state: &Path) -> usize {
    let store = Switched::new();
    for number in [1, 2] {
        let host = builder(state, store.clone()).keep(keep).build_blocking().unwrap();
        if number == 1 {
            host.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
        }
        assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    }
    assert_eq!(stored(&store.inside, "a"), lines(1..=1));
    let spools = Spool::look(state).unwrap();
    spools
        .iter()
        .filter(|spool| !spool.streams().unwrap().is_empty())
        .count()
}

#[test]
fn until_delivered_is_until_delivered() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(kept(Keep::UntilDelivered, state.path()), 0);
}

#[test]
fn forever_is_forever() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(kept(Keep::Forever, state.path()), 1);
}

#[test]
fn for_a_time_is_until_that_is_over() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(kept(Keep::For(Duration::from_secs(3600)), state.path()), 1);
    let state = tempfile::tempdir().unwrap();
    assert_eq!(kept(Keep::For(Duration::ZERO), state.path()), 0);
}

#[test]
fn what_is_not_delivered_is_kept_whatever_is_asked_for() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::away());
    for _ in 0..2 {
        let host = builder(state.path(), store.clone()).keep(Keep::UntilDelivered);
        let host = host.build_blocking().unwrap();
        host.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
        assert!(!host.close_blocking(Duration::ZERO).unwrap().is_empty());
    }
    assert_eq!(Spool::look(state.path()).unwrap().len(), 2);
}

/// A run that was killed is taken up by comparing its agent's files with its spool.
#[test]
fn what_a_runs_trail_needs_is_kept_until_the_trail_is_gone() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let deliver = |state: &Path| {
        let host = builder(state, store.clone()).keep(Keep::UntilDelivered);
        assert!(
            host.build_blocking()
                .unwrap()
                .close_blocking(DEADLINE)
                .unwrap()
                .is_empty()
        );
        let spools = Spool::look(state).unwrap();
        spools
            .iter()
            .filter(|spool| !spool.streams().unwrap().is_empty())
            .count()
    };
    let run = builder(state.path(), store.clone()).build_blocking().unwrap();
    run.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
    let trail = state.path().join("agents/1");
    fs::create_dir_all(&trail).unwrap();
    fs::write(state.path().join("agents/door"), "").unwrap();
    let text = serde_json::json!({"writers": ["another", run.writer()], "sessions": []}).to_string();
    fs::write(trail.join("trail.json"), text).unwrap();
    assert!(run.close_blocking(DEADLINE).unwrap().is_empty());
    assert_eq!((deliver(state.path()), deliver(state.path())), (1, 1));
    // Whom it names is not known: it may be any.
    fs::write(trail.join("trail.json"), "{").unwrap();
    assert_eq!(deliver(state.path()), 1);
    fs::remove_dir_all(&trail).unwrap();
    assert_eq!(deliver(state.path()), 0);
    assert_eq!(stored(&store.inside, "a"), lines(1..=1));
}
