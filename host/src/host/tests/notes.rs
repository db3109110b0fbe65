use std::path::Path;
use std::sync::Arc;

use super::fixture::{DEADLINE, key, line, lines, stored};
use crate::config::Keep;
use crate::host::Host;
use crate::mirror::Notes;
use crate::session::{self, silent};
use crate::store::{MemoryStore, Store};

async fn copy(from: &Arc<MemoryStore>, to: &Arc<MemoryStore>) {
    let all = session::Copy::default();
    let copied = session::copy(from.clone(), to.clone(), &all, silent()).await.unwrap();
    assert_eq!(copied.failures, 0);
}

/// A host that appends a line, if it is to, and delivers what is there.
async fn deliver(state: &Path, stores: &[(&str, &Arc<MemoryStore>)], number: Option<u32>) {
    let mut builder = Host::builder(state).keep(Keep::Forever);
    for (name, store) in stores {
        builder = builder.store(name, Arc::clone(store) as Arc<dyn Store>);
    }
    let host = builder.build().await.unwrap();
    if let Some(number) = number {
        host.transcript(key("s")).append(&[line(number)]).await.unwrap();
    }
    assert!(host.close(DEADLINE).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_copied_and_then_deleted_by_another_host_stays_away() {
    let (state, a, b) = (tempfile::tempdir().unwrap(), Arc::default(), Arc::default());
    deliver(state.path(), &[("a", &a)], Some(1)).await;
    copy(&a, &b).await;
    Notes::open(state.path()).unwrap().copied("b", &key("s")).unwrap();
    session::delete(b.clone(), &key("s")).await.unwrap();
    deliver(state.path(), &[("a", &a), ("b", &b)], Some(2)).await;
    assert_eq!(stored(&b, "s"), lines(2..=2));
    assert_eq!(stored(&a, "s"), lines(1..=2));
}

#[tokio::test]
async fn what_was_deleted_here_stays_away_however_it_had_come() {
    let (state, a, b) = (tempfile::tempdir().unwrap(), Arc::default(), Arc::default());
    deliver(state.path(), &[("a", &a)], Some(1)).await;
    copy(&a, &b).await;
    let notes = Notes::open(state.path()).unwrap();
    notes.deleted("b", &key("s")).unwrap();
    session::delete(b.clone(), &key("s")).await.unwrap();
    deliver(state.path(), &[("a", &a), ("b", &b)], Some(2)).await;
    assert_eq!(stored(&b, "s"), lines(2..=2));
    assert_eq!(stored(&a, "s"), lines(1..=2));
}

#[tokio::test]
async fn what_was_deleted_everywhere_comes_to_no_later_destination() {
    let (state, a, b) = (tempfile::tempdir().unwrap(), Arc::default(), Arc::default());
    deliver(state.path(), &[("a", &a)], Some(1)).await;
    copy(&a, &b).await;
    let (notes, c) = (Notes::open(state.path()).unwrap(), Arc::default());
    notes.deleted("a", &key("s")).unwrap();
    notes.deleted_everywhere(&key("s")).unwrap();
    session::delete(a.clone(), &key("s")).await.unwrap();
    deliver(state.path(), &[("a", &a), ("b", &b), ("c", &c)], None).await;
    for store in [a, b, c] {
        assert_eq!(stored(&store, "s"), Vec::<String>::new());
    }
}

#[test]
fn nothing_is_noted_where_no_spool_holds_it() {
    let state = tempfile::tempdir().unwrap();
    let notes = Notes::open(state.path()).unwrap();
    notes.copied("a", &key("s")).unwrap();
    notes.deleted("a", &key("s")).unwrap();
    notes.deleted_everywhere(&key("s")).unwrap();
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
}
