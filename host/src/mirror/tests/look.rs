//! From disk alone, beside a mirror that works there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::fixture::{Moody, key};
use crate::config::{DestinationConfig, Keep, Manifest};
use crate::mirror::{DestinationOptions, Mirror, StateLook, What, look};
use crate::spool::Spool;
use crate::store::StoreError;

fn destination(name: &str, projects: &str) -> DestinationConfig {
    let manifest = format!("[mirror]\nprojects = [{projects:?}]");
    DestinationConfig {
        name: name.to_owned(),
        component: PathBuf::from(format!("/adapters/{name}.wasm")),
        manifest: Manifest::parse(Path::new("/adapters/manifest.toml"), &manifest).unwrap(),
    }
}

fn seen(state: &Path) -> StateLook {
    look(
        state,
        &[destination("a", "*"), destination("b", "*"), destination("c", "else*")],
    )
    .unwrap()
}

fn start(state: &Path, stores: [&Arc<Moody>; 2]) -> (Arc<Spool>, Mirror) {
    let mirror = Mirror::start(state, Keep::Forever).unwrap();
    for (name, store) in ["a", "b"].into_iter().zip(stores) {
        mirror.add_destination(name, DestinationOptions::default()).unwrap();
        mirror.opened(name, store.clone());
    }
    let spool = Arc::new(Spool::open(state).unwrap());
    mirror.follow(&spool);
    (spool, mirror)
}

fn append(spool: &Spool) {
    let entry = r#"{"timestamp":"1970-01-01T00:00:05Z"}"#;
    for _ in 0..3 {
        spool.append_blocking(&key(), &[entry]).unwrap();
    }
}

#[tokio::test]
async fn an_empty_state_directory_is_delivered() {
    let state = tempfile::tempdir().unwrap();
    assert!(seen(state.path()).is_delivered());
}

#[tokio::test]
async fn what_waits_is_told_for_each_destination() {
    let state = tempfile::tempdir().unwrap();
    let (here, gone) = (Moody::new(), Moody::new());
    gone.set_away(Some(StoreError::Denied("the key was revoked".into())));
    let (spool, mirror) = start(state.path(), [&here, &gone]);
    let mut events = mirror.events();
    append(&spool);
    mirror.hurry(&key());
    while !matches!(events.recv().await.unwrap().what, What::Parked { .. }) {}
    let left = mirror.flush(None, Some(Duration::from_secs(1))).await;
    assert!(
        left.left.iter().all(|left| left.destination == "b" && !left.can_retry),
        "{left:?}"
    );
    let look = seen(state.path());
    let [a, b, c] = &look.destinations[..] else {
        panic!("{look:?}")
    };
    assert_eq!((a.entries, a.bytes, a.oldest, a.streams.len()), (0, 0, None, 0));
    assert_eq!((b.entries, b.bytes, b.oldest), (3, 3 * 37, Some(5_000)));
    assert!(
        b.streams[0].alive && b.streams[0].trouble.as_ref().unwrap().contains("revoked"),
        "{b:?}"
    );
    // It takes other projects.
    assert_eq!((c.entries, c.streams.len()), (0, 0));
    assert!(!look.is_delivered());
    mirror.close().await;
}

#[tokio::test]
async fn what_waits_outlives_the_process_with_its_events_and_deletes() {
    let state = tempfile::tempdir().unwrap();
    let (here, gone) = (Moody::new(), Moody::new());
    gone.set_away(Some(StoreError::Denied("the key was revoked".into())));
    let (spool, mirror) = start(state.path(), [&here, &gone]);
    append(&spool);
    assert!(!mirror.flush(None, Some(Duration::from_secs(1))).await.is_empty());
    mirror.delete(&key(), spool.writer()).unwrap();
    spool.close().await;
    mirror.close().await;
    drop((spool, mirror));
    let look = seen(state.path());
    let b = &look.destinations[1];
    assert!(!look.writers[0].alive);
    // They were deleted before they got there.
    assert_eq!((b.entries, &b.deletes[..]), (0, &[key()][..]));
    assert_eq!((b.events["opened"], b.events["parked"]), (1, 1));
    assert!(!look.is_delivered());
}

#[tokio::test]
async fn without_a_record_everything_waits() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    append(&spool);
    let look = seen(state.path());
    assert_eq!(
        look.destinations.iter().map(|look| look.entries).collect::<Vec<_>>(),
        [3, 3, 0]
    );
    assert!(!state.path().join("cursors").exists());
}
