//! Listings of sessions and subpaths, page by page.

use mirrorbox_adapter::{Page, Session};

use super::*;

fn append(s3: &mut S3, key: &SessionKey) {
    s3.append(key, entries(1), None).unwrap();
}

/// Walks through all pages: each is full but the last, and none is empty.
fn all<T>(limit: u32, mut list: impl FnMut(Option<&str>) -> Result<Page<T>>) -> Vec<T> {
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = list(token.as_deref()).unwrap();
        assert!(page.next.is_none() || page.items.len() == limit as usize);
        assert!(token.is_none() || !page.items.is_empty());
        items.extend(page.items);
        token = page.next;
        if token.is_none() {
            return items;
        }
    }
}

fn names() -> Vec<String> {
    (0..7).map(|number| format!("Name {number}")).collect()
}

fn ids(sessions: Vec<Session>) -> Vec<String> {
    sessions.into_iter().map(|session| session.session_id).collect()
}

#[test]
fn pages_hold_everything_once() {
    let (_backend, mut s3) = Backend::with(0);
    for name in names() {
        append(&mut s3, &SessionKey::main(&name, "s"));
        append(&mut s3, &SessionKey::main("p", &name));
        append(&mut s3, &SessionKey::main("p", "Name 0").with_subpath(&name));
    }
    for limit in [1, 2, 3, 7, 8] {
        let projects = all(limit, |token| s3.list_projects(token, limit));
        assert_eq!(projects[..7], names());
        assert_eq!(ids(all(limit, |token| s3.list_sessions("p", token, limit))), names());
        assert_eq!(
            all(limit, |token| s3.list_subkeys("p", "Name 0", token, limit)),
            names()
        );
    }
}

#[test]
fn a_limit_of_nothing_means_one() {
    let (_backend, mut s3) = Backend::with(1);
    assert_eq!(s3.list_projects(None, 0).unwrap().items.len(), 1);
}

#[test]
fn what_holds_only_a_tombstone_is_hidden_until_it_starts_anew() {
    let (_backend, mut s3) = Backend::with(2);
    let agent = key().with_subpath("agent");
    append(&mut s3, &agent);
    s3.delete(&key(), tombstone(3)).unwrap();
    s3.append(&agent, tombstone(2), None).unwrap();
    assert_eq!(s3.list_projects(None, 9).unwrap(), Page::default());
    assert_eq!(s3.list_sessions("-srv-app", None, 9).unwrap(), Page::default());
    assert_eq!(s3.find_session("-srv-app", "session").unwrap(), None);
    assert_eq!(
        s3.list_subkeys("-srv-app", "session", None, 9).unwrap(),
        Page::default()
    );

    s3.append(&key(), entries(4), None).unwrap();
    s3.append(&agent, entries(3), None).unwrap();
    assert_eq!(s3.list_projects(None, 9).unwrap().items, ["-srv-app"]);
    assert_eq!(s3.find_session("-srv-app", "session").unwrap().unwrap().last, 4);
    assert_eq!(
        s3.list_subkeys("-srv-app", "session", None, 9).unwrap().items,
        ["agent"]
    );
}

#[test]
fn hidden_ones_do_not_make_a_page_end_early() {
    let (_backend, mut s3) = Backend::with(0);
    for name in names() {
        append(&mut s3, &SessionKey::main("p", &name));
    }
    for name in ["Name 1", "Name 2", "Name 6"] {
        s3.delete(&SessionKey::main("p", name), tombstone(2)).unwrap();
    }
    let sessions = all(2, |token| s3.list_sessions("p", token, 2));
    assert_eq!(ids(sessions), ["Name 0", "Name 3", "Name 4", "Name 5"]);
}

#[test]
fn a_session_without_a_main_transcript_is_no_session() {
    let (_backend, mut s3) = Backend::with(0);
    append(&mut s3, &key().with_subpath("agent"));
    assert_eq!(s3.list_projects(None, 9).unwrap(), Page::default());
    assert_eq!(s3.list_sessions("-srv-app", None, 9).unwrap(), Page::default());
}

#[test]
fn a_session_shows_its_end_its_summary_and_when_it_was_written() {
    let (backend, mut s3) = Backend::with(2);
    for (number, summary) in [(3, None), (4, None), (5, Some(summary(5))), (6, None), (7, None)] {
        s3.append(&key(), entries(number), summary).unwrap();
    }
    let head = backend.client.head_object().bucket(&backend.config.bucket);
    let head = head.key(format!("team/{}", slot(7))).send();
    let modified = backend.runtime.block_on(head).unwrap().last_modified.unwrap();
    let found = s3.find_session("-srv-app", "session").unwrap().unwrap();
    // A listing may tell milliseconds, a header tells seconds.
    assert_eq!(found.modified / 1000, u64::try_from(modified.secs()).unwrap());
    let session = Session {
        session_id: "session".into(),
        modified: found.modified,
        last: 7,
        summary: Some(summary(5)),
    };
    assert_eq!(
        s3.list_sessions("-srv-app", None, 9).unwrap().items,
        std::slice::from_ref(&session)
    );
    assert_eq!(found, session);
}

#[test]
fn what_is_not_ours_is_not_listed() {
    let (backend, mut s3) = Backend::with(1);
    for name in ["lost+found", "a%2fb", "%41", "x~1", "other"] {
        backend.put(&format!("{name}/file"), b"");
        backend.put(&format!("-srv-app/{name}/"), b"");
    }
    backend.put("notes", b"");
    backend.put("-srv-app/notes", b"");
    assert_eq!(s3.list_projects(None, 9).unwrap().items, ["-srv-app"]);
    assert_eq!(ids(s3.list_sessions("-srv-app", None, 9).unwrap().items), ["session"]);
}

#[test]
fn another_prefix_is_another_world() {
    let (backend, mut s3) = Backend::with(1);
    let mut config = backend.config.clone();
    config.prefix = "te/".into();
    let mut other = S3::over(client::http(), config).unwrap();
    assert_eq!(load(&mut other, &key()).unwrap(), []);
    assert_eq!(other.list_projects(None, 9).unwrap(), Page::default());
    assert_eq!(numbers(&mut s3), [1]);
}

#[test]
fn more_than_a_listing_shows_is_listed_in_pages() {
    let (backend, mut s3) = Backend::with(0);
    append(&mut s3, &key());
    for number in 2..=1200 {
        backend.put(&slot(number), b"");
    }
    let names: Vec<_> = (0..1100).map(|number| format!("agent-{number:04}")).collect();
    for name in &names {
        backend.put(&format!("-srv-app/session/{name}/00000000000000000001.jsonl"), b"");
    }
    let (mut s3, wire) = backend.wired();
    wire.rest();
    let page = s3.list_subkeys("-srv-app", "session", None, 5).unwrap();
    assert_eq!(page.items, names[..5]);
    assert!(wire.rest().len() < 40, "numbers are passed over");
    let page = s3.list_subkeys("-srv-app", "session", Some("agent-0997"), 100).unwrap();
    assert_eq!(page.items, names[998..1098]);
    assert_eq!(page.next.as_deref(), Some("agent-1097"));
}

#[test]
fn a_session_that_fills_a_listing_is_listed_with_its_end_and_its_neighbours() {
    let (backend, mut s3) = Backend::with(1);
    for number in 2..=1200 {
        backend.put(&slot(number), b"");
    }
    for neighbour in ["before", "zebra"] {
        let key = SessionKey::main(key().project_key, neighbour);
        s3.append(&key, entries(1), Some(summary(1))).unwrap();
    }
    let (mut s3, wire) = backend.wired();
    wire.rest();
    let rows = s3.list_sessions(&key().project_key, None, 10).unwrap().items;
    let rows: Vec<_> = rows.iter().map(|row| (row.session_id.as_str(), row.last)).collect();
    assert_eq!(rows, [("before", 1), ("session", 1200), ("zebra", 1)]);
    assert!(wire.rest().len() < 15, "its numbers are passed over");
}

#[test]
fn a_session_at_the_end_of_a_listing_comes_whole_in_the_next() {
    let (backend, _) = Backend::with(0);
    let id = |number: usize| format!("session-{number:04}");
    for number in 0..800 {
        for batch in 1..=3 {
            backend.put(&format!("-srv-app/{}/{:020}.jsonl", id(number), batch), b"");
        }
    }
    let (mut s3, wire) = backend.wired();
    wire.rest();
    let rows = s3.list_sessions("-srv-app", None, 1000).unwrap().items;
    assert_eq!(ids(rows.clone()), (0..800).map(id).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row.last == 3));
    assert_eq!(wire.rest().len(), 3, "1000 objects each");
}
