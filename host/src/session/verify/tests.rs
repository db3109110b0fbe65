//! Damage that `verify` finds, and stores that fail meanwhile.

use super::*;
use crate::session::faults::{CallFault, FaultyStore};
use crate::session::fixture::{Projects, append, lines, main_key};
use crate::session::{delete, silent};
use crate::store::{MemoryStore, StoreError};

const MAIN: &str = "project/session.jsonl";
const AGENT: &str = "project/session/subagents/agent-1.jsonl";
const SIDECAR: &str = "project/session/subagents/agent-1.meta.json";

async fn imported(file: impl AsRef<[u8]>) -> (Projects, Arc<MemoryStore>) {
    let projects = Projects::new();
    projects.write(MAIN, file);
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    (projects, store)
}

async fn against(projects: &Projects, store: &Arc<MemoryStore>) -> VerifyReport {
    let what = Verify {
        projects_dir: Some(projects.path().to_owned()),
        ..Verify::default()
    };
    verify(store.clone(), &what, silent()).await.unwrap()
}

fn only(session: SessionKey) -> Verify {
    Verify {
        sessions: Some(vec![session]),
        ..Verify::default()
    }
}

async fn local_state(projects: &Projects, store: &Arc<MemoryStore>) -> LocalState {
    let mut report = against(projects, store).await;
    assert_eq!(report.streams.len(), 1);
    report.streams.remove(0).local.unwrap()
}

#[tokio::test]
async fn a_whole_stream_is_counted() {
    let (_, store) = imported(lines(0, 600)).await;
    let report = verify(store, &Verify::default(), silent()).await.unwrap();
    let [row] = &report.streams[..] else { panic!() };
    assert_eq!((row.batches, row.entries, row.first, row.last), (2, 600, 1, 2));
    assert_eq!(row.bytes, lines(0, 600).len() as u64);
    assert_eq!((&row.stored, &row.local), (&StoredState::Whole, &None));
    assert_eq!(report.totals.entries, 600);
}

#[tokio::test]
async fn each_kind_of_damage_names_its_range() {
    let (_, store) = imported(lines(0, 2600)).await;
    let check = async |session: &str| {
        let key = SessionKey::main("project", session).unwrap();
        let report = verify(store.clone(), &only(key), silent()).await.unwrap();
        assert_eq!(report.totals.damaged, 1, "{report:?}");
        let StoredState::Damaged { first, last, .. } = report.streams[0].stored else {
            panic!("{report:?}")
        };
        (first, last)
    };
    let mut before = Vec::new();
    store.tamper(&main_key(), |batches| before = batches.clone());
    let reset = || store.tamper(&main_key(), |batches| *batches = before.clone());

    store.tamper(&main_key(), |batches| drop(batches.drain(1..3)));
    assert_eq!(check("session").await, (2, 3));
    reset();
    store.tamper(&main_key(), |batches| batches[3].payload.truncate(7));
    assert_eq!(check("session").await, (4, 4));
    reset();
    store.tamper(&main_key(), |batches| {
        let payload = batches[1].payload.clone();
        batches[1].payload = std::mem::replace(&mut batches[2].payload, payload);
    });
    assert_eq!(check("session").await, (2, 2));
    reset();
    // The summary saw six batches.
    store.tamper(&main_key(), |batches| batches.truncate(4));
    assert_eq!(check("session").await, (5, 6));
}

#[tokio::test]
async fn one_damaged_stream_does_not_hide_the_others() {
    let (projects, store) = imported(lines(0, 3)).await;
    projects.write("project/other.jsonl", lines(0, 3));
    projects.import(&store).await;
    store.tamper(&main_key(), |batches| batches[0].payload = "{}\n".into());
    let totals = against(&projects, &store).await.totals;
    assert_eq!((totals.streams, totals.damaged, totals.entries), (2, 1, 3));
}

#[tokio::test]
async fn a_store_that_refuses_is_a_failed_row() {
    let (_, inner) = imported(lines(0, 3)).await;
    let faulty = FaultyStore {
        inner,
        ..FaultyStore::default()
    };
    faulty
        .loads
        .lock()
        .unwrap()
        .push_back(CallFault::Fail(StoreError::Denied("no".into())));
    let report = verify(Arc::new(faulty), &Verify::default(), silent()).await.unwrap();
    assert_eq!((report.totals.failed, report.totals.damaged), (1, 0));
}

#[tokio::test]
async fn equal_files_are_equal_and_a_torn_line_is_not_delivered() {
    let (projects, store) = imported(lines(0, 3)).await;
    assert_eq!(local_state(&projects, &store).await, LocalState::Equal { torn: 0 });
    projects.write(MAIN, lines(0, 3) + "{\"torn");
    let state = local_state(&projects, &store).await;
    assert_eq!(state, LocalState::Equal { torn: 6 });
    assert!(state.is_undelivered());
}

#[tokio::test]
async fn a_file_that_grew_is_not_delivered() {
    let (projects, store) = imported(lines(0, 3)).await;
    projects.write(MAIN, lines(0, 5));
    let state = local_state(&projects, &store).await;
    assert_eq!(state, LocalState::Undelivered { entries: 2, torn: 0 });
    assert_eq!(against(&projects, &store).await.totals.undelivered, 1);
}

#[tokio::test]
async fn a_file_that_shrank_or_is_gone_has_less_than_the_store() {
    let (projects, store) = imported(lines(0, 3)).await;
    projects.write(MAIN, lines(0, 1));
    assert_eq!(
        local_state(&projects, &store).await,
        LocalState::StoredHasMore { entries: 2 }
    );
    std::fs::remove_file(projects.path().join(MAIN)).unwrap();
    assert_eq!(local_state(&projects, &store).await, LocalState::NotHere);
}

#[tokio::test]
async fn a_rewritten_file_differs_from_a_line_on() {
    let (projects, store) = imported(lines(0, 4)).await;
    projects.write(MAIN, lines(0, 1) + &lines(2, 3));
    let state = local_state(&projects, &store).await;
    let expected = LocalState::Differs {
        line: 2,
        only_local: 1,
        only_stored: 1,
    };
    assert_eq!(state, expected);
    assert!(state.is_undelivered());
}

#[tokio::test]
async fn a_sidecar_that_changed_is_not_delivered() {
    let (projects, store) = imported(lines(0, 1)).await;
    projects.write(AGENT, lines(0, 1)).write(SIDECAR, r#"{"a":1}"#);
    projects.import(&store).await;
    assert_eq!(against(&projects, &store).await.totals.undelivered, 0);
    projects.write(SIDECAR, r#"{"a":2}"#);
    assert_eq!(against(&projects, &store).await.totals.undelivered, 1);
}

#[tokio::test]
async fn what_was_never_stored_is_not_delivered() {
    let (projects, store) = imported(lines(0, 1)).await;
    projects
        .write("project/new.jsonl", lines(0, 2))
        .write(AGENT, lines(0, 3));
    let report = against(&projects, &store).await;
    let rows: Vec<_> = report
        .streams
        .iter()
        .map(|row| (&row.stored, row.local.clone().unwrap()))
        .collect();
    let undelivered = |entries| LocalState::Undelivered { entries, torn: 0 };
    assert_eq!(
        rows,
        [
            (&StoredState::Nothing, undelivered(2)),
            (&StoredState::Whole, LocalState::Equal { torn: 0 }),
            (&StoredState::Nothing, undelivered(3)),
        ]
    );
}

#[tokio::test]
async fn a_deleted_session_is_deleted() {
    let (_, store) = imported(lines(0, 1)).await;
    delete(store.clone(), &main_key()).await.unwrap();
    let report = verify(store, &only(main_key()), silent()).await.unwrap();
    assert_eq!(report.streams[0].stored, StoredState::Deleted);
}

#[tokio::test]
async fn foreign_writers_are_part_of_it() {
    let (_, store) = imported(lines(0, 1)).await;
    append(&*store, &main_key(), lines(1, 1)).await;
    let report = verify(store, &Verify::default(), silent()).await.unwrap();
    assert_eq!((report.totals.entries, report.totals.damaged), (2, 0));
}

#[tokio::test]
async fn projects_that_are_not_meant_for_a_store_are_not_missed() {
    let (projects, store) = imported(lines(0, 1)).await;
    projects.write("elsewhere/session.jsonl", lines(0, 2));
    let mut what = Verify {
        projects_dir: Some(projects.path().to_owned()),
        ..Verify::default()
    };
    assert_eq!(
        verify(store.clone(), &what, silent()).await.unwrap().totals.undelivered,
        1
    );
    what.local_projects = Some(vec!["project".into()]);
    assert_eq!(verify(store, &what, silent()).await.unwrap().totals.undelivered, 0);
}
