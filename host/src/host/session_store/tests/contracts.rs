//! What every store of the SDKs must do, with a destination that answers and with one that does not.

use super::*;

/// Each contract, on a machine of its own.
fn everywhere(contract: impl Fn(&Machine)) {
    for is_away in [false, true] {
        let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
        destination.set_away(is_away);
        let machine = Machine::alone(state.path(), &destination);
        contract(&machine);
        machine.close();
    }
}

#[test]
fn entries_come_in_the_order_of_the_calls() {
    everywhere(|machine| {
        for (from, to) in [(9, 9), (3, 5), (1, 2)] {
            machine.append(&key("s"), &lines(from..=to));
        }
        let expected = [lines(9..=9), lines(3..=5), lines(1..=2)].concat();
        assert_eq!(machine.load(&key("s")), Some(expected));
    });
}

#[test]
fn what_was_never_written_is_none() {
    everywhere(|machine| {
        assert_eq!(machine.load(&key("s")), None);
        machine.append(&key("s"), &lines(1..=1));
        assert_eq!(machine.load(&sub("s", "nope")), None);
        assert_eq!(machine.load(&SessionKey::main("other", "s").unwrap()), None);
    });
}

#[test]
fn appending_nothing_begins_nothing() {
    everywhere(|machine| {
        machine.append(&key("s"), &[] as &[&[u8]]);
        assert_eq!(machine.load(&key("s")), None);
        assert!(machine.sessions("project").is_empty());
        machine.append(&key("s"), &lines(1..=1));
        machine.append(&key("s"), &[] as &[&[u8]]);
        assert_eq!(machine.load(&key("s")), some(1..=1));
    });
}

#[test]
fn streams_and_projects_are_kept_apart() {
    everywhere(|machine| {
        let elsewhere = SessionKey::main("elsewhere", "s").unwrap();
        machine.append(&key("s"), &lines(1..=1));
        machine.append(&sub("s", "subagents/agent-1"), &lines(2..=2));
        machine.append(&elsewhere, &lines(3..=3));
        assert_eq!(machine.load(&key("s")), some(1..=1));
        assert_eq!(machine.load(&sub("s", "subagents/agent-1")), some(2..=2));
        assert_eq!(machine.load(&elsewhere), some(3..=3));
        assert_eq!(machine.sessions("project"), ["s"]);
        assert_eq!(machine.sessions("elsewhere"), ["s"]);
        assert!(machine.sessions("unknown").is_empty());
    });
}

#[test]
fn main_transcripts_are_listed_with_their_times() {
    everywhere(|machine| {
        machine.append(&key("a"), &lines(1..=1));
        machine.append(&key("b"), &lines(1..=1));
        machine.append(&sub("b", "subagents/agent-1"), &lines(1..=1));
        machine.append(&sub("c", "subagents/agent-1"), &lines(1..=1));
        let listed = machine.store.list_sessions_blocking("project").unwrap();
        assert_eq!(machine.sessions("project"), ["a", "b"]);
        assert!(
            listed.iter().all(|listed| listed.modified > 1_700_000_000_000),
            "{listed:?}"
        );
    });
}

#[test]
fn subpaths_are_listed_and_main_transcripts_are_not() {
    everywhere(|machine| {
        for subpath in ["subagents/agent-2", "subagents/agent-1"] {
            machine.append(&sub("s", subpath), &lines(1..=1));
        }
        machine.append(&sub("other", "subagents/agent-3"), &lines(1..=1));
        machine.append(&key("s"), &lines(1..=1));
        machine.append(&key("bare"), &lines(1..=1));
        let subpaths = |session| machine.store.list_subkeys_blocking(&key(session)).unwrap();
        assert_eq!(subpaths("s"), ["subagents/agent-1", "subagents/agent-2"]);
        assert!(subpaths("bare").is_empty() && subpaths("unknown").is_empty());
    });
}

#[test]
fn a_delete_takes_the_session_and_nothing_else() {
    everywhere(|machine| {
        let elsewhere = SessionKey::main("elsewhere", "s").unwrap();
        machine.store.delete_blocking(&key("unknown")).unwrap();
        for key in [
            key("s"),
            sub("s", "x/1"),
            sub("s", "x/2"),
            key("other"),
            elsewhere.clone(),
        ] {
            machine.append(&key, &lines(1..=3));
        }
        machine.store.delete_blocking(&key("s")).unwrap();
        for key in [key("s"), sub("s", "x/1"), sub("s", "x/2")] {
            assert_eq!(machine.load(&key), None, "{key}");
        }
        assert_eq!(machine.sessions("project"), ["other"]);
        assert!(machine.store.list_subkeys_blocking(&key("s")).unwrap().is_empty());
        assert_eq!(machine.load(&key("other")), some(1..=3));
        assert_eq!(machine.load(&elsewhere), some(1..=3));
    });
}

#[test]
fn a_delete_of_a_subpath_takes_that_stream_alone() {
    everywhere(|machine| {
        for key in [key("s"), sub("s", "x"), sub("s", "x/1"), sub("s", "y")] {
            machine.append(&key, &lines(1..=2));
        }
        machine.store.delete_blocking(&sub("s", "x")).unwrap();
        assert_eq!(machine.load(&sub("s", "x")), None);
        assert_eq!(machine.store.list_subkeys_blocking(&key("s")).unwrap(), ["x/1", "y"]);
        for key in [key("s"), sub("s", "x/1"), sub("s", "y")] {
            assert_eq!(machine.load(&key), some(1..=2), "{key}");
        }
        machine.append(&sub("s", "x"), &lines(7..=8));
        assert_eq!(machine.load(&sub("s", "x")), some(7..=8));
    });
}

#[test]
fn what_is_appended_after_a_delete_begins_anew() {
    everywhere(|machine| {
        for round in 1..=3 {
            machine.append(&key("s"), &lines(round..=5));
            assert_eq!(machine.load(&key("s")), some(round..=5));
            assert_eq!(machine.sessions("project"), ["s"]);
            machine.store.delete_blocking(&key("s")).unwrap();
            assert_eq!(machine.load(&key("s")), None);
            assert!(machine.sessions("project").is_empty());
        }
    });
}

#[test]
fn an_entry_that_is_none_is_refused_and_nothing_of_the_call_is_kept() {
    everywhere(|machine| {
        let refused = machine
            .store
            .append_blocking(&key("s"), &[&b"{}"[..], b"[]"])
            .unwrap_err();
        assert!(!refused.can_retry(), "{refused}");
        assert_eq!(machine.load(&key("s")), None);
    });
}

#[test]
fn a_long_stream_comes_in_pieces() {
    everywhere(|machine| {
        for from in (1..=5000).step_by(250) {
            machine.append(&key("s"), &lines(from..=from + 249));
        }
        let mut loaded = machine.store.load_blocking(&key("s")).unwrap().unwrap();
        let pieces = std::iter::from_fn(|| loaded.next_blocking()).count();
        assert!(pieces >= 10, "{pieces}");
        assert_eq!(machine.load(&key("s")), some(1..=5000));
    });
}

/// As many as a runtime has threads for what blocks, and some more.
const UNREAD: usize = 600;

#[test]
fn transcripts_that_nobody_goes_on_reading_hold_nothing_up() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let machine = Machine::new(state.path(), &destination);
    // More than is read at once.
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(50_000));
    let all = vec![long; 20];
    for line in &all {
        machine.append(&key("s"), &[line]);
    }
    machine.flush();
    let mut unread: Vec<_> = (0..UNREAD)
        .map(|_| machine.store.load_blocking(&key("s")).unwrap().unwrap())
        .collect();
    assert_eq!(machine.load(&key("s")), Some(all.clone()));
    let mut last = unread.pop().unwrap();
    let mut bytes = 0;
    while let Some(lines) = last.next_blocking() {
        bytes += lines.unwrap().len();
    }
    assert_eq!(bytes, all.iter().map(|line| line.len() + 1).sum::<usize>());
    machine.close();
    // What is left of one that was not read is what was read already, and an error in place of the rest.
    let mut first = unread.remove(0);
    let failed = loop {
        match first.next_blocking() {
            Some(Ok(_)) => {}
            Some(Err(failed)) => break Some(failed),
            None => break None,
        }
    };
    assert!(failed.is_some(), "a short answer");
}
