use std::fs;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::*;
use crate::key::SessionKey;
use crate::session::faults::{CallFault, FaultyStore, away};
use crate::session::fixture::{Projects, append, batches, lines, main_key, stored};
use crate::session::{StreamError, delete, silent};
use crate::store::{Batch, Kind, MemoryStore, Reader, StoreError};
use crate::summary::Fold;
use overtaken::Overtaken;

const MAIN: &str = "project/session.jsonl";

async fn read(store: &Arc<MemoryStore>, key: &SessionKey) -> Vec<Batch> {
    let mut reader = Reader::new(store.clone(), key.clone());
    let mut batches = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        batches.push(batch);
    }
    batches
}

#[tokio::test]
async fn a_session_comes_in_whole() {
    let projects = Projects::new();
    projects
        .write(MAIN, lines(0, 3))
        .write("project/session/subagents/agent-1.jsonl", lines(0, 2))
        .write(
            "project/session/subagents/agent-1.meta.json",
            r#"{"agentType":"Explore"}"#,
        )
        .write("project/session/subagents/workflows/run/agent-2.jsonl", lines(7, 1))
        .write("project/session/subagents/agent-3.meta.json", "{}");
    let store = Arc::new(MemoryStore::new());
    let report = projects.import(&store).await;

    let main = main_key();
    assert_eq!(stored(&*store, &main).await, lines(0, 3));
    let agent = |subpath| main.with_subpath(subpath).unwrap();
    let metadata = "{\"agentType\":\"Explore\",\"type\":\"agent_metadata\"}\n";
    assert_eq!(
        stored(&*store, &agent("subagents/agent-1")).await,
        lines(0, 2) + metadata
    );
    assert_eq!(
        stored(&*store, &agent("subagents/workflows/run/agent-2")).await,
        lines(7, 1)
    );
    let alone = stored(&*store, &agent("subagents/agent-3")).await;
    assert_eq!(alone, "{\"type\":\"agent_metadata\"}\n");
    let totals = report.totals;
    assert_eq!((totals.sessions, totals.streams, totals.added.entries), (1, 4, 8));
    assert_eq!(
        (totals.present, totals.failures, totals.torn),
        (Counts::default(), 0, 0)
    );
}

#[tokio::test]
async fn a_second_import_adds_nothing() {
    let projects = Projects::new();
    projects
        .write(MAIN, lines(0, 1200))
        .write("project/session/subagents/agent-1.jsonl", lines(0, 2))
        .write("project/session/subagents/agent-1.meta.json", r#"{"b":1, "a":2}"#);
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    let before = batches(&*store, &main_key()).await;
    // The agent wrote it anew, and it says the same.
    projects.write("project/session/subagents/agent-1.meta.json", r#"{"a":2,"b":1}"#);
    let report = projects.import(&store).await;

    assert_eq!(report.totals.added, Counts::default());
    assert_eq!((report.totals.batches, report.totals.present.entries), (0, 1202));
    assert_eq!(report.sessions[0].notes, []);
    assert_eq!(batches(&*store, &main_key()).await, before);
}

#[tokio::test]
async fn growth_adds_only_the_growth() {
    let projects = Projects::new();
    let sidecar = "project/session/subagents/agent-1.meta.json";
    projects
        .write(MAIN, lines(0, 3))
        .write(sidecar, r#"{"finished":false}"#);
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    projects.write(MAIN, lines(0, 5)).write(sidecar, r#"{"finished":true}"#);
    let report = projects.import(&store).await;

    let added = read(&store, &main_key()).await.pop().unwrap();
    assert_eq!(added.payload, lines(3, 2));
    assert_eq!((added.number, added.origin.line), (2, 1));
    assert_eq!((report.totals.added.entries, report.totals.present.entries), (3, 3));
    let agent = main_key().with_subpath("subagents/agent-1").unwrap();
    assert!(
        stored(&*store, &agent)
            .await
            .ends_with("{\"finished\":true,\"type\":\"agent_metadata\"}\n")
    );
    assert_eq!(batches(&*store, &agent).await.len(), 2);
}

#[tokio::test]
async fn batches_are_cut_by_count_and_by_size() {
    let large = format!("{{\"x\":\"{}\"}}\n", "y".repeat(2 << 20));
    let middle = format!("{{\"x\":\"{}\"}}\n", "y".repeat(700 << 10));
    let file = lines(0, 501) + &large + &middle + &middle;
    let projects = Projects::new();
    projects.write(MAIN, &file);
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;

    let batches = read(&store, &main_key()).await;
    let payloads: Vec<_> = batches.iter().map(|batch| batch.payload.len()).collect();
    let (fives, one) = (lines(0, 500).len(), lines(500, 1).len());
    assert_eq!(payloads, [fives, one, large.len(), middle.len(), middle.len()]);
    let firsts: Vec<_> = batches.iter().map(|batch| batch.origin.line).collect();
    assert_eq!(firsts, [1, 501, 502, 503, 504]);
    let session = store.find_session("project", "session").await.unwrap().unwrap();
    assert_eq!(session.summary.unwrap().through, 5);
}

#[tokio::test]
async fn the_summary_is_folded_over_all_lines_and_only_of_the_main_transcript() {
    let title = |title: &str| format!("{{\"type\":\"custom-title\",\"customTitle\":\"{title}\"}}\n");
    let projects = Projects::new();
    projects
        .write(MAIN, title("first"))
        .write("project/session/subagents/agent-1.jsonl", title("agent"));
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    projects.write(MAIN, title("first") + &lines(0, 1));
    projects.import(&store).await;

    let session = store.find_session("project", "session").await.unwrap().unwrap();
    let summary = session.summary.unwrap();
    assert_eq!(summary.through, 2);
    let mut fold = Fold::new();
    fold.fold(title("first").trim_end().as_bytes());
    fold.fold(lines(0, 1).trim_end().as_bytes());
    assert_eq!(summary.json, fold.to_json());
}

#[tokio::test]
async fn a_rewritten_file_adds_what_is_new_and_takes_nothing_away() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 6));
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    // Rows 1 and 2 are gone, row 4 is there twice, 6 is new.
    let rewritten = lines(0, 1) + &lines(3, 2) + &lines(4, 3);
    projects.write(MAIN, &rewritten);
    let report = projects.import(&store).await;

    assert_eq!(
        stored(&*store, &main_key()).await,
        lines(0, 6) + &lines(4, 1) + &lines(6, 1)
    );
    let [
        ImportNote::Rewritten {
            line,
            added,
            only_stored,
            ..
        },
    ] = report.sessions[0].notes[..]
    else {
        panic!("{:?}", report.sessions[0].notes);
    };
    assert_eq!((line, added, only_stored), (2, 2, 2));
    let again = projects.import(&store).await;
    assert_eq!(again.totals.added, Counts::default());
}

#[tokio::test]
async fn a_file_that_became_shorter_leaves_the_store_alone() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 6));
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    projects.write(MAIN, lines(0, 4));
    let report = projects.import(&store).await;

    assert_eq!(stored(&*store, &main_key()).await, lines(0, 6));
    assert!(matches!(
        report.sessions[0].notes[..],
        [ImportNote::StoredHasMore { entries: 2, .. }]
    ));
}

#[tokio::test]
async fn a_torn_line_waits_until_it_is_complete() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 2) + "{\"type\":");
    let store = Arc::new(MemoryStore::new());
    let report = projects.import(&store).await;
    assert_eq!(report.totals.torn, 1);
    assert!(matches!(
        report.sessions[0].notes[..],
        [ImportNote::Torn { bytes: 8, .. }]
    ));
    assert_eq!(stored(&*store, &main_key()).await, lines(0, 2));

    projects.write(MAIN, lines(0, 2) + "{\"type\":\"mode\"}\n");
    let report = projects.import(&store).await;
    assert_eq!((report.totals.torn, report.totals.added.entries), (0, 1));
}

#[tokio::test]
async fn lines_that_are_no_entries_are_stored_as_they_are_and_named() {
    let file = [b"not json\n".as_slice(), b"{\"a\":1}\n", b"{\"b\":\"\xff\"}\n", b"\n"].concat();
    let projects = Projects::new();
    projects.write(MAIN, &file);
    let store = Arc::new(MemoryStore::new());
    let report = projects.import(&store).await;

    assert_eq!(batches(&*store, &main_key()).await[0].payload, file);
    let [ImportNote::OddLines { count: 3, first, .. }] = &report.sessions[0].notes[..] else {
        panic!("{:?}", report.sessions[0].notes);
    };
    assert_eq!(first.iter().map(|odd| odd.line).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(!first[0].reason.contains("not json\n"), "{first:?}");
}

#[tokio::test]
async fn metadata_in_a_transcript_is_told_of() {
    let metadata = "{\"type\":\"agent_metadata\"}\n";
    let projects = Projects::new();
    projects
        .write(MAIN, metadata)
        .write("project/session/subagents/agent-1.jsonl", lines(0, 1) + metadata);
    let report = projects.import(&Arc::new(MemoryStore::new())).await;
    let [ImportNote::OddLines { file, first, .. }] = &report.sessions[0].notes[..] else {
        panic!("{:?}", report.sessions[0].notes);
    };
    assert!(file.ends_with("agent-1.jsonl") && first[0].line == 2, "{first:?}");
}

#[tokio::test]
async fn what_is_no_transcript_is_passed_over() {
    let projects = Projects::new();
    projects
        .write(MAIN, lines(0, 1))
        .write("project/empty.jsonl", "")
        .write("project/session/tool-results/1.txt", "x")
        .write("project/session/three.jsonl", lines(0, 1))
        .write("project/session/subagents/notes.txt", "x")
        .write("project/.jsonl", lines(0, 1))
        .write("project/memory/notes.jsonl", lines(0, 1))
        .write("beside.jsonl", lines(0, 1));
    let report = projects.import(&Arc::new(MemoryStore::new())).await;
    assert_eq!((report.totals.streams, report.passed_over), (1, 7));
    assert!(matches!(&report.notes[..], [ImportNote::PassedOver { file, .. }] if file.ends_with("/.jsonl")));
}

#[tokio::test]
async fn a_broken_sidecar_fails_its_stream_only() {
    let projects = Projects::new();
    projects
        .write(MAIN, lines(0, 1))
        .write("project/session/subagents/agent-1.jsonl", lines(0, 2))
        .write("project/session/subagents/agent-1.meta.json", "[]");
    let store = Arc::new(MemoryStore::new());
    let report = projects.import(&store).await;

    assert!(matches!(
        report.sessions[0].failures[0].error,
        StreamError::Sidecar { .. }
    ));
    assert_eq!((report.totals.failures, report.totals.added.entries), (1, 3));
}

#[tokio::test]
async fn an_over_long_line_fails_its_stream_and_names_the_place() {
    let projects = Projects::new();
    projects
        .write(MAIN, lines(0, 1))
        .write("project/other.jsonl", lines(0, 1));
    let file = fs::OpenOptions::new()
        .append(true)
        .open(projects.path().join(MAIN))
        .unwrap();
    // Sparse: zeros that take no room.
    file.set_len(crate::transcript::MAX_LINE as u64 + 1000).unwrap();
    let store = Arc::new(MemoryStore::new());
    let report = projects.import(&store).await;

    let failure = &report
        .sessions
        .iter()
        .find(|row| row.session == "session")
        .unwrap()
        .failures[0];
    let text = failure.error.to_string();
    assert!(text.contains("session.jsonl: line 2 (at byte"), "{text}");
    assert_eq!(report.totals.added.entries, 2);
}

#[tokio::test]
async fn a_filter_takes_what_it_names_and_refuses_what_is_not_there() {
    let projects = Projects::new();
    projects
        .write(MAIN, lines(0, 1))
        .write("project/other.jsonl", lines(0, 1))
        .write("third/session.jsonl", lines(0, 1));
    let store = Arc::new(MemoryStore::new());
    let mut what = Import {
        leave_out: None,
        sessions: vec!["session".into()],
        projects: Some(vec!["project".into()]),
    };
    let report = import(store.clone(), projects.path(), &what, silent()).await.unwrap();
    assert_eq!(report.totals.sessions, 1);
    what.sessions.push("unknown".into());
    let error = import(store, projects.path(), &what, silent()).await.unwrap_err();
    assert!(matches!(error, SessionError::NotLocal { id, .. } if id == "unknown"));
}

#[tokio::test]
async fn a_deleted_session_comes_back_behind_its_tombstone() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 3));
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    delete(store.clone(), &main_key()).await.unwrap();
    let report = projects.import(&store).await;

    assert!(matches!(
        report.sessions[0].notes[..],
        [ImportNote::StartedAnew { streams: 1, .. }]
    ));
    let kinds: Vec<_> = read(&store, &main_key()).await.iter().map(|batch| batch.kind).collect();
    assert_eq!(kinds, [Kind::Tombstone, Kind::Entries]);
    assert_eq!(stored(&*store, &main_key()).await, lines(0, 3));
    let again = projects.import(&store).await;
    assert_eq!((again.totals.batches, again.sessions[0].notes.len()), (0, 0));
}

#[tokio::test]
async fn lost_answers_and_outages_neither_lose_nor_double() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 1600));
    let faulty = FaultyStore::default();
    faulty.appends.lock().unwrap().extend([
        CallFault::LandAndFail(away()),
        CallFault::None,
        CallFault::Fail(away()),
        CallFault::LandAndFail(StoreError::Timeout(std::time::Duration::ZERO)),
        CallFault::Fail(away()),
    ]);
    faulty.loads.lock().unwrap().push_back(CallFault::Fail(away()));
    let store = Arc::new(faulty);
    let report = projects.import(&store).await;

    assert_eq!((report.totals.failures, report.totals.batches), (0, 4));
    assert_eq!(stored(&*store, &main_key()).await, lines(0, 1600));
    let batches = read(&store.inner, &main_key()).await;
    assert_eq!(
        batches.iter().map(|batch| batch.origin.line).collect::<Vec<_>>(),
        [1, 501, 1001, 1501]
    );
}

#[tokio::test]
async fn a_store_that_stays_away_fails_the_stream_and_the_next_import_goes_on() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 1600));
    let faulty = FaultyStore::default();
    let faults = std::iter::once(CallFault::None).chain(std::iter::repeat_n(CallFault::Fail(away()), 5));
    faulty.appends.lock().unwrap().extend(faults);
    let store = Arc::new(faulty);
    let report = projects.import(&store).await;
    assert_eq!((report.totals.failures, report.totals.added.entries), (1, 500));
    assert!(report.sessions[0].failures[0].can_retry);

    let report = projects.import(&store).await;
    assert_eq!((report.totals.failures, report.totals.added.entries), (0, 1100));
    assert_eq!(stored(&*store, &main_key()).await, lines(0, 1600));
}

#[tokio::test]
async fn a_conflict_in_the_middle_goes_on_behind_the_other_writer() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 1600));
    let store = Arc::new(MemoryStore::new());
    // Another import of the same file got as far as this.
    append(&*store, &main_key(), lines(0, 700)).await;
    let faulty = Arc::new(Overtaken::new(store.clone(), lines(700, 100)));
    let report = projects.import(&faulty).await;

    assert_eq!(report.totals.failures, 0);
    assert_eq!(stored(&*store, &main_key()).await, lines(0, 1600));
    assert_eq!((report.totals.added.entries, report.totals.present.entries), (800, 800));
    let ours: Vec<_> = read(&store, &main_key())
        .await
        .into_iter()
        .filter(|batch| batch.origin.writer != "another")
        .collect();
    assert_eq!(ours.iter().map(|batch| batch.origin.line).collect::<Vec<_>>(), [1, 501]);
}

#[tokio::test]
async fn a_foreign_line_in_between_loses_nothing() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 600));
    let store = Arc::new(MemoryStore::new());
    let faulty = Arc::new(Overtaken::new(store.clone(), lines(9000, 1)));
    let report = projects.import(&faulty).await;
    assert_eq!(report.totals.failures, 0);
    assert_eq!(stored(&*store, &main_key()).await, lines(9000, 1) + &lines(0, 600));
}

#[tokio::test(flavor = "multi_thread")]
async fn importers_side_by_side_lose_and_double_nothing() {
    let projects = Projects::new();
    let large = format!("{{\"x\":\"{}\"}}\n", "y".repeat(300 << 10));
    let file: String = (0..40).map(|n| lines(n * 30, 30) + &large).collect();
    projects.write(MAIN, &file);
    projects.write("project/session/subagents/agent-1.jsonl", lines(0, 900));
    projects.write(
        "project/session/subagents/agent-1.meta.json",
        r#"{"agentType":"Explore"}"#,
    );
    let store = Arc::new(MemoryStore::new());
    let reports = tokio::join!(
        projects.import(&store),
        projects.import(&store),
        projects.import(&store)
    );

    assert_eq!(stored(&*store, &main_key()).await, file);
    let agent = main_key().with_subpath("subagents/agent-1").unwrap();
    let metadata = "{\"agentType\":\"Explore\",\"type\":\"agent_metadata\"}\n";
    assert_eq!(stored(&*store, &agent).await, lines(0, 900) + metadata);
    read(&store, &main_key()).await;
    let totals = [reports.0, reports.1, reports.2].map(|report| report.totals);
    assert!(totals.iter().all(|totals| totals.failures == 0), "{totals:?}");
    assert_eq!(
        totals.iter().map(|totals| totals.added.entries).sum::<u64>(),
        40 * 31 + 901
    );
}

#[tokio::test]
async fn a_damaged_stream_fails_and_names_the_range() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 1600));
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    store.tamper(&main_key(), |batches| drop(batches.remove(1)));
    let report = projects.import(&store).await;
    assert_eq!(report.sessions[0].failures[0].damaged, Some((2, 2)));
}

#[tokio::test]
async fn a_dropped_import_leaves_whole_batches_and_the_next_one_goes_on() {
    let projects = Projects::new();
    projects.write(MAIN, lines(0, 1600));
    let store = Arc::new(MemoryStore::new());
    for polls in 1..40 {
        let what = Import::default();
        let mut importing = Box::pin(import(store.clone(), projects.path(), &what, silent()));
        for _ in 0..polls {
            if (&mut importing).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    projects.import(&store).await;
    assert_eq!(stored(&*store, &main_key()).await, lines(0, 1600));
}

mod beside;
mod overtaken;
mod round_trip;
