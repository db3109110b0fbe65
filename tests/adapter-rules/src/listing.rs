//! Listings: pages, tokens, what is shown.

use std::collections::BTreeSet;

use mirrorbox_adapter::{Adapter, Page, SessionKey};

use crate::streams::{append_up_to, entries, fresh_key, summary, tombstone};

/// Goes through all pages and checks their sizes.
fn collect<T>(limit: u32, mut page: impl FnMut(Option<&str>) -> Page<T>) -> Vec<T> {
    let (mut items, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = page(token.as_deref());
        assert!(page.items.len() <= limit as usize);
        assert!(!page.items.is_empty() || page.next.is_none());
        items.extend(page.items);
        token = page.next;
        if token.is_none() {
            return items;
        }
    }
}

fn set(items: &[String]) -> BTreeSet<&str> {
    let set: BTreeSet<_> = items.iter().map(String::as_str).collect();
    assert_eq!(set.len(), items.len(), "an item came twice");
    set
}

/// Each session once, whatever the size of a page.
pub fn sessions_are_paged<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let ids: Vec<_> = (0..25).map(|at| format!("s:{at} é/%")).collect();
    for (at, id) in (1..).zip(&ids) {
        append_up_to(&mut adapter, &SessionKey::main(&key.project_key, id), 1 + at % 3);
    }
    for limit in [1, 2, 7, 24, 25, 26, u32::MAX] {
        let sessions = collect(limit, |token| {
            adapter.list_sessions(&key.project_key, token, limit).unwrap()
        });
        let listed: Vec<_> = sessions.iter().map(|session| session.session_id.clone()).collect();
        assert_eq!(set(&listed), set(&ids));
        for session in sessions {
            assert_eq!(session.summary.map(|summary| summary.through), Some(session.last));
        }
    }
}

/// Each project that has sessions once.
pub fn projects_are_paged<A: Adapter>(open: impl Fn() -> A) {
    let mut adapter = open();
    let ours: Vec<_> = (0..7).map(|_| fresh_key()).collect();
    for key in &ours {
        append_up_to(&mut adapter, key, 1);
    }
    let only_subpath = fresh_key().with_subpath("sub");
    append_up_to(&mut adapter, &only_subpath, 1);
    for limit in [3, 1000] {
        let listed = collect(limit, |token| adapter.list_projects(token, limit).unwrap());
        let listed: BTreeSet<_> = listed.iter().map(String::as_str).collect();
        assert!(ours.iter().all(|key| listed.contains(key.project_key.as_str())));
        assert!(!listed.contains(only_subpath.project_key.as_str()));
    }
}

/// Each subpath once; the main transcript need not exist.
pub fn subpaths_are_paged<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let subpaths: Vec<_> = (0..30).map(|at| format!("subagents/agent-{at}:é")).collect();
    for subpath in &subpaths {
        append_up_to(&mut adapter, &key.with_subpath(subpath), 1);
    }
    for limit in [1, 4, 29, 30, 31] {
        let listed = collect(limit, |token| {
            adapter
                .list_subkeys(&key.project_key, &key.session_id, token, limit)
                .unwrap()
        });
        assert_eq!(set(&listed), set(&subpaths));
    }
    assert!(
        adapter
            .list_sessions(&key.project_key, None, 10)
            .unwrap()
            .items
            .is_empty()
    );
}

/// As the listing shows it.
pub fn a_session_is_found<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    adapter.append(&key, entries(1), None).unwrap();
    let found = adapter
        .find_session(&key.project_key, &key.session_id)
        .unwrap()
        .unwrap();
    assert_eq!((found.last, &found.summary), (1, &None));
    adapter.append(&key, entries(2), Some(summary(2))).unwrap();
    let found = adapter
        .find_session(&key.project_key, &key.session_id)
        .unwrap()
        .unwrap();
    assert_eq!((found.last, &found.summary), (2, &Some(summary(2))));
    assert_eq!(
        adapter.list_sessions(&key.project_key, None, 10).unwrap().items,
        [found]
    );
}

/// Nor what holds nothing but a tombstone.
pub fn what_was_deleted_is_not_listed<A: Adapter>(open: impl Fn() -> A) {
    let (mut adapter, key) = (open(), fresh_key());
    let keys: Vec<_> = (0..6)
        .map(|at| SessionKey::main(&key.project_key, format!("s{at}")))
        .collect();
    for key in &keys {
        append_up_to(&mut adapter, key, 2);
        append_up_to(&mut adapter, &key.with_subpath("sub"), 1);
    }
    for key in &keys[..4] {
        adapter.delete(key, tombstone(3)).unwrap();
    }
    adapter.append(&keys[4], tombstone(3), None).unwrap();
    adapter
        .append(&keys[0].with_subpath("sub"), tombstone(2), None)
        .unwrap();
    let listed = collect(1, |token| adapter.list_sessions(&key.project_key, token, 1).unwrap());
    assert_eq!(
        listed
            .iter()
            .map(|session| session.session_id.as_str())
            .collect::<Vec<_>>(),
        ["s5"]
    );
    let subpaths = adapter.list_subkeys(&key.project_key, "s0", None, 10).unwrap();
    assert!(subpaths.items.is_empty());
    adapter.delete(&keys[5], tombstone(3)).unwrap();
    let projects = collect(1000, |token| adapter.list_projects(token, 1000).unwrap());
    assert!(!projects.contains(&key.project_key));
}
