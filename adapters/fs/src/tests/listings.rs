use std::time::{Duration, Instant, SystemTime};

use mirrorbox_adapter::{Page, Session};

use super::*;

fn append(fs: &mut Fs, key: &SessionKey) {
    fs.append(key, entries(1), None).unwrap();
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
    let (_backend, mut fs) = Backend::with(0);
    for name in names() {
        append(&mut fs, &SessionKey::main(&name, "s"));
        append(&mut fs, &SessionKey::main("p", &name));
        append(&mut fs, &SessionKey::main("p", "Name 0").with_subpath(&name));
    }
    for limit in [1, 2, 3, 7, 8] {
        let projects = all(limit, |token| fs.list_projects(token, limit));
        assert_eq!(projects[..7], names());
        assert_eq!(ids(all(limit, |token| fs.list_sessions("p", token, limit))), names());
        assert_eq!(
            all(limit, |token| fs.list_subkeys("p", "Name 0", token, limit)),
            names()
        );
    }
}

#[test]
fn a_limit_of_nothing_means_one() {
    let (_backend, mut fs) = Backend::with(1);
    assert_eq!(fs.list_projects(None, 0).unwrap().items.len(), 1);
}

#[test]
fn what_holds_only_a_tombstone_is_hidden_until_it_starts_anew() {
    let (_backend, mut fs) = Backend::with(2);
    let agent = key().with_subpath("agent");
    append(&mut fs, &agent);
    fs.delete(&key(), tombstone(3)).unwrap();
    fs.append(&agent, tombstone(2), None).unwrap();
    assert_eq!(fs.list_projects(None, 9).unwrap(), Page::default());
    assert_eq!(fs.list_sessions("-srv-app", None, 9).unwrap(), Page::default());
    assert_eq!(fs.find_session("-srv-app", "session").unwrap(), None);
    assert_eq!(
        fs.list_subkeys("-srv-app", "session", None, 9).unwrap(),
        Page::default()
    );

    fs.append(&key(), entries(4), None).unwrap();
    fs.append(&agent, entries(3), None).unwrap();
    assert_eq!(fs.list_projects(None, 9).unwrap().items, ["-srv-app"]);
    assert_eq!(fs.find_session("-srv-app", "session").unwrap().unwrap().last, 4);
    assert_eq!(
        fs.list_subkeys("-srv-app", "session", None, 9).unwrap().items,
        ["agent"]
    );
}

#[test]
fn hidden_ones_do_not_make_a_page_end_early() {
    let (_backend, mut fs) = Backend::with(0);
    for name in names() {
        append(&mut fs, &SessionKey::main("p", &name));
    }
    for name in ["Name 1", "Name 2", "Name 6"] {
        fs.delete(&SessionKey::main("p", name), tombstone(2)).unwrap();
    }
    let sessions = all(2, |token| fs.list_sessions("p", token, 2));
    assert_eq!(ids(sessions), ["Name 0", "Name 3", "Name 4", "Name 5"]);
}

#[test]
fn a_session_without_a_main_transcript_is_no_session() {
    let (_backend, mut fs) = Backend::with(0);
    append(&mut fs, &key().with_subpath("agent"));
    assert_eq!(fs.list_projects(None, 9).unwrap(), Page::default());
    assert_eq!(fs.list_sessions("-srv-app", None, 9).unwrap(), Page::default());
}

#[test]
fn a_session_shows_its_end_its_summary_and_when_it_was_written() {
    let (backend, mut fs) = Backend::with(2);
    for (number, summary) in [(3, None), (4, None), (5, Some(summary(5))), (6, None), (7, None)] {
        fs.append(&key(), entries(number), summary).unwrap();
    }
    let last = backend.0.path().join("-srv-app/session/00000000000000000007.jsonl");
    let then = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    std::fs::File::options()
        .write(true)
        .open(last)
        .unwrap()
        .set_modified(then)
        .unwrap();
    let session = Session {
        session_id: "session".into(),
        modified: 1_700_000_000_123,
        last: 7,
        summary: Some(summary(5)),
    };
    assert_eq!(
        fs.list_sessions("-srv-app", None, 9).unwrap().items,
        std::slice::from_ref(&session)
    );
    assert_eq!(fs.find_session("-srv-app", "session").unwrap(), Some(session));
}

#[test]
fn what_is_not_ours_is_not_listed() {
    let (backend, mut fs) = Backend::with(1);
    for name in ["lost+found", ".Trash-1000", "README", "A", "a%2fb", "x~1"] {
        std::fs::create_dir(backend.0.path().join(name)).unwrap();
    }
    std::fs::write(backend.0.path().join("notes"), "").unwrap();
    std::fs::write(backend.0.path().join("-srv-app/notes"), "").unwrap();
    std::fs::create_dir(backend.0.path().join("-srv-app/empty")).unwrap();
    assert_eq!(fs.list_projects(None, 9).unwrap().items, ["-srv-app"]);
    assert_eq!(ids(fs.list_sessions("-srv-app", None, 9).unwrap().items), ["session"]);
}

#[test]
fn listing_a_folder_in_pages_reads_it_once() {
    let (backend, mut fs) = Backend::with(0);
    let sessions = amount(200, 20_000);
    for number in 0..sessions {
        append(&mut fs, &SessionKey::main("p", format!("session-{number:05}")));
    }
    let limit = u32::try_from(sessions).unwrap();
    let (whole, one_walk) = entries_read(&mut fs, limit);
    let begun = Instant::now();
    let (paged, entries) = entries_read(&mut fs, limit / 20);
    let (listed, walked) = (begun.elapsed(), walk(&backend.0.path().join("p")));
    eprintln!(
        "{sessions} sessions: {entries} entries looked at, {one_walk} in one walk; {listed:?}, a walk {walked:?}"
    );
    assert_eq!(whole, paged);
    // The first session of each page was looked at for the page before, too.
    assert!(entries < one_walk * 2, "{entries} entries in pages, {one_walk} in one");
}

/// How long it takes to look at everything in a folder, and to read what is there beside batches.
fn walk(dir: &std::path::Path) -> Duration {
    let begun = Instant::now();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.metadata().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => drop(std::fs::read(entry.path()).unwrap()),
            }
        }
    }
    begun.elapsed()
}

/// The sessions of `p`, and how many entries of folders were looked at for them.
fn entries_read(fs: &mut Fs, limit: u32) -> (Vec<String>, usize) {
    crate::disk::steps::entries(|| ids(all(limit, |token| fs.list_sessions("p", token, limit))))
}

#[test]
fn pages_that_two_instances_give_hold_everything_once() {
    let (backend, mut fs) = Backend::with(0);
    for name in names() {
        append(&mut fs, &SessionKey::main("p", &name));
    }
    let mut other = backend.host();
    let mut turn = 0;
    let sessions = all(2, |token| {
        turn += 1;
        let fs = if turn % 2 == 0 { &mut other } else { &mut fs };
        fs.list_sessions("p", token, 2)
    });
    assert_eq!(ids(sessions), names());
    // What was kept for a page that nobody asked for is no answer to another question.
    fs.list_sessions("p", None, 2).unwrap();
    assert_eq!(ids(all(3, |token| fs.list_sessions("p", token, 3))), names());
    assert_eq!(fs.list_sessions("q", Some("%4ename%201"), 2).unwrap(), Page::default());
}
