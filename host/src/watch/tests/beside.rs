//! What is left of runs that were killed is picked up by the process that follows the same files.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::agent::recording::record;
use crate::agent::{Leftovers, OnEvent};
use crate::host::Host;
use crate::key::SessionKey;
use crate::mirror::tests::fixture::stored;
use crate::store::MemoryStore;
use crate::watch::follower::Follower;
use crate::watch::{Watch, untold};

const MINUTE: Duration = Duration::from_secs(60);
const ROWS: [&str; 3] = ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"];

fn text(rows: &[&str]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// Both append to one copy of the stream: the follower that goes on there finds other lines behind its own.
#[tokio::test]
async fn what_is_picked_up_and_followed_in_one_process_is_stored_once() {
    let (dir, store) = (tempfile::tempdir().unwrap(), Arc::<MemoryStore>::default());
    let key = SessionKey::main("-srv", "s").unwrap();
    let [state, projects] = ["state", "projects"].map(|name| dir.path().join(name));
    let file = projects.join("-srv/s.jsonl");
    fs::create_dir_all(projects.join("-srv")).unwrap();
    fs::write(&file, text(&ROWS[..1])).unwrap();
    let host = Host::builder(&state).store("a", store.clone());
    let host = host.build().await.unwrap();
    let claimed = Watch {
        projects: projects.clone(),
        state: state.clone(),
        from_now: false,
        only_by_clock: true,
        last_look: MINUTE,
    };
    let claimed = claimed.claim().unwrap();
    let (_stop, stop) = watch::channel(false);
    let mut follower = Follower::new(&host, claimed, stop, untold());
    follower.look_at_all(true).await;
    // A run that is killed before it has spooled anything.
    {
        let run = Host::builder(&state).build().await.unwrap();
        let (_orders, heard) = mpsc::unbounded_channel();
        let (is_begun, mut begun) = mpsc::unbounded_channel();
        let at = (&*state, &*projects, "-srv");
        let is_begun = || is_begun.send(()).unwrap();
        tokio::select! {
            recorded = record(&run, at, Some("s"), Arc::new(|_| ()), heard, is_begun) => panic!("{recorded:?}"),
            begun = begun.recv() => begun.unwrap(),
        }
    }
    fs::write(&file, text(&ROWS)).unwrap();
    follower.look_at_all(true).await;
    let left = Leftovers::look_for_ended(&state).unwrap();
    let silent: OnEvent = Arc::new(|_| ());
    assert_eq!(left.pick_up(&host, Duration::ZERO, &silent).await.left, 0);
    follower.look_at_all(true).await;
    drop(follower);
    assert!(host.close(MINUTE).await.unwrap().is_empty());
    assert_eq!(stored(&store, &key).await, ROWS);
}
