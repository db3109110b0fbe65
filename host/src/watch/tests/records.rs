//! What is remembered of files, and what happens where it cannot be read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::disk;
use crate::host::Host;
use crate::key::SessionKey;
use crate::mirror::tests::fixture::stored;
use crate::store::MemoryStore;
use crate::watch::follower::Follower;
use crate::watch::{Watch, untold};

/// Descriptors are used up.
const EMFILE: i32 = 24;
const MINUTE: Duration = Duration::from_secs(60);

struct Place {
    dir: tempfile::TempDir,
    store: Arc<MemoryStore>,
}

impl Place {
    async fn host(&self) -> Host {
        let host = Host::builder(&self.dir.path().join("state")).store("a", self.store.clone());
        host.build().await.unwrap()
    }

    fn watch(&self) -> Watch {
        Watch {
            projects: self.dir.path().join("projects"),
            state: self.dir.path().join("state"),
            from_now: false,
            only_by_clock: true,
            last_look: MINUTE,
        }
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_waited_for_and_new_lines_are_told_from_deleted_ones() {
    let (dir, store) = (tempfile::tempdir().unwrap(), Arc::default());
    let place = Place { dir, store };
    let key = SessionKey::main("-srv", "s").unwrap();
    let file = place.watch().projects.join("-srv/s.jsonl");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let (_stop, stop) = watch::channel(false);

    std::fs::write(&file, "{\"n\":1}\n{\"n\":2}\n").unwrap();
    let host = place.host().await;
    let claimed = place.watch().claim().unwrap();
    let mut follower = Follower::new(&host, claimed, stop.clone(), untold());
    follower.look_at_all(true).await;
    drop(follower);
    assert!(host.flush(MINUTE).await.unwrap().is_empty());
    host.delete(&key).await.unwrap();
    assert!(host.close(MINUTE).await.unwrap().is_empty());

    std::fs::write(&file, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n").unwrap();
    let host = place.host().await;
    let claimed = place.watch().claim().unwrap();
    let figures = claimed.figures();
    let mut follower = Follower::new(&host, claimed, stop, untold());
    // When the stream is met, and when it is looked at.
    disk::fail(&place.watch().state.join("watch/streams"), 0, 2, EMFILE);
    follower.look_at_all(true).await;
    assert_eq!((figures.borrow().waits, figures.borrow().entries), (1, 0));
    follower.look_at_all(true).await;
    assert_eq!(figures.borrow().waits, 0);
    disk::heal(&place.watch().state.join("watch/streams"));
    drop(follower);
    assert!(host.close(MINUTE).await.unwrap().is_empty());
    assert_eq!(stored(&place.store, &key).await, ["{\"n\":3}"]);
}
