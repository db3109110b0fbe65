//! Restored files: whole or absent, private to their owner, and inside the target whatever the keys say.

use std::fs;

use mirrorbox_transcripts::hostile;
use proptest::prelude::*;

use super::*;
use crate::session::faults::{CallFault, FaultyStore, away};
use crate::session::fixture::{Projects, append, files, lines, main_key, paths};
use crate::session::silent;
use crate::store::{MemoryStore, StoreError};

async fn restored(store: &Arc<impl Store + 'static>, into: &Path) -> RestoreReport {
    restore(store.clone(), None, into, RestoreOptions::default(), silent())
        .await
        .unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    paths(dir).iter().map(|file| file.display().to_string()).collect()
}

fn agent(subpath: &str) -> SessionKey {
    main_key().with_subpath(subpath).unwrap()
}

#[tokio::test]
async fn a_session_comes_back_with_subagents_and_sidecars() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 700)).await;
    append(&*store, &main_key(), lines(700, 3)).await;
    let metadata = |n: u32| format!("{{\"n\":{n},\"type\":\"agent_metadata\"}}\n");
    append(
        &*store,
        &agent("subagents/agent-1"),
        metadata(1) + &lines(0, 2) + &metadata(2),
    )
    .await;
    append(&*store, &agent("subagents/workflows/run/agent-2"), lines(0, 1)).await;
    append(&*store, &agent("subagents/agent-3"), metadata(3)).await;
    let target = Projects::new();
    let into = target.path().join("a/b");
    let report = restored(&store, &into).await;

    let files = files(&into.join("projects/project"));
    let text = |name: &str| String::from_utf8(files[Path::new(name)].clone()).unwrap();
    assert_eq!(text("session.jsonl"), lines(0, 703));
    assert_eq!(text("session/subagents/agent-1.jsonl"), lines(0, 2));
    assert_eq!(text("session/subagents/agent-1.meta.json"), r#"{"n":2}"#);
    assert_eq!(text("session/subagents/workflows/run/agent-2.jsonl"), lines(0, 1));
    assert_eq!(text("session/subagents/agent-3.meta.json"), r#"{"n":3}"#);
    assert_eq!(files.len(), 5);
    let totals = report.totals;
    assert_eq!(
        (totals.sessions, totals.files, totals.entries, totals.failures),
        (1, 5, 706, 0)
    );
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 1)).await;
    append(&*store, &agent("subagents/agent-1"), lines(0, 1)).await;
    let target = Projects::new();
    let into = target.path().join("new");
    restored(&store, &into).await;
    let mode = |path: &str| fs::metadata(into.join(path)).unwrap().permissions().mode() & 0o777;
    let dirs = [
        "",
        "projects",
        "projects/project",
        "projects/project/session",
        "projects/project/session/subagents",
    ];
    assert_eq!(dirs.map(mode), [0o700; 5]);
    let files = [
        "projects/project/session.jsonl",
        "projects/project/session/subagents/agent-1.jsonl",
    ];
    assert_eq!(files.map(mode), [0o600; 2]);
}

#[tokio::test]
async fn a_directory_in_use_gets_what_it_lacks_and_keeps_what_it_has() {
    let store = Arc::new(MemoryStore::new());
    let other = SessionKey::main("project", "other").unwrap();
    for key in [&main_key(), &agent("subagents/agent-1"), &other] {
        append(&*store, key, lines(0, 2)).await;
    }
    let target = Projects::new();
    let theirs = [
        "settings.json",
        "projects/project/session.jsonl",
        "projects/project/session/subagents/agent-2.jsonl",
    ];
    for file in theirs {
        target.write(file, "mine");
    }
    let report = restored(&store, target.path()).await;
    let mut expected: Vec<_> = theirs.map(str::to_owned).to_vec();
    expected.push("projects/project/other.jsonl".to_owned());
    expected.sort();
    let mut found = names(target.path());
    found.sort();
    assert_eq!(found, expected);
    assert_eq!((report.totals.sessions, report.totals.failures), (1, 1));
    let failure = &report.sessions[1].failure.as_ref().unwrap().error;
    assert!(matches!(failure, StreamError::Exists { path } if path.ends_with("project/session.jsonl")));
    // The main transcript is gone, and a subagent's file is there: it stays, and so does nothing of the others.
    fs::remove_file(target.path().join(theirs[1])).unwrap();
    target.write("projects/project/session/subagents/agent-1.jsonl", "mine");
    let report = restored(&store, target.path()).await;
    assert_eq!((report.totals.sessions, report.totals.failures), (0, 2));
    assert!(!target.path().join(theirs[1]).exists());
    let kept = files(&target.path().join("projects/project"));
    assert_eq!(kept[Path::new("session/subagents/agent-1.jsonl")], b"mine");
}

#[tokio::test]
async fn a_file_is_no_directory() {
    let target = Projects::new();
    target.write("mine.txt", "mine");
    let (store, file) = (Arc::new(MemoryStore::new()), target.path().join("mine.txt"));
    let error = restore(store, None, &file, RestoreOptions::default(), silent()).await;
    assert!(matches!(error.unwrap_err(), SessionError::Target { .. }));
}

/// A row that has a uuid, and perhaps a time.
fn row(uuid: &str, minute: Option<u32>, text: &str) -> String {
    let time = minute.map(|minute| format!(",\"timestamp\":\"2026-03-01T10:{minute:02}:00.000Z\""));
    let time = time.unwrap_or_default();
    format!("{{\"type\":\"user\",\"uuid\":\"{uuid}\"{time},\"text\":\"{text}\"}}\n")
}

async fn cut(store: &Arc<MemoryStore>, end: RestoreEnd) -> (RestoreReport, Projects) {
    let target = Projects::new();
    let options = RestoreOptions {
        folder: Some("-srv-here".to_owned()),
        end: Some(end),
    };
    let report = restore(store.clone(), None, target.path(), options, silent())
        .await
        .unwrap();
    (report, target)
}

#[tokio::test]
async fn the_state_before_a_rewrite_comes_back() {
    let store = Arc::new(MemoryStore::new());
    let old: String = ["1", "2"].map(|uuid| row(uuid, None, "old")).concat();
    append(&*store, &main_key(), old.clone()).await;
    append(&*store, &main_key(), old.replace("old", "")).await;
    append(&*store, &agent("subagents/agent-1"), lines(0, 2)).await;
    let (report, target) = cut(&store, RestoreEnd::Through("2".to_owned())).await;
    assert_eq!((report.totals.failures, report.totals.entries), (0, 4));
    let files = files(&target.path().join("projects/-srv-here"));
    assert_eq!(files[Path::new("session.jsonl")], old.as_bytes());
    assert_eq!(
        files[Path::new("session/subagents/agent-1.jsonl")],
        lines(0, 2).as_bytes()
    );
    let (report, target) = cut(&store, RestoreEnd::Through("3".to_owned())).await;
    let failure = &report.sessions[0].failure.as_ref().unwrap().error;
    assert!(
        matches!(failure, StreamError::NoRow { uuid, .. } if uuid == "3"),
        "{failure}"
    );
    assert_eq!(names(target.path()), [] as [&str; 0]);
}

#[tokio::test]
async fn what_came_after_a_time_is_left_out_and_what_has_none_goes_with_the_row_before_it() {
    let store = Arc::new(MemoryStore::new());
    let rows = [
        row("title", None, ""),
        row("1", Some(1), ""),
        row("2", Some(3), ""),
        row("later", None, ""),
        // Another writer's, which was delivered late.
        row("3", Some(2), ""),
        // Two minutes past in one place, three past in another.
        "{\"timestamp\":\"2026-03-01T11:02:00+01:00\"}\n".to_owned(),
        "{\"timestamp\":\"2026-03-01T10:03:00+00:00\"}\n".to_owned(),
    ];
    append(&*store, &main_key(), rows.concat()).await;
    append(&*store, &agent("subagents/agent-1"), row("a", Some(3), "")).await;
    let at = humantime::parse_rfc3339("2026-03-01T10:02:00Z").unwrap();
    let (report, target) = cut(&store, RestoreEnd::At(at)).await;
    assert_eq!((report.totals.failures, report.totals.files), (0, 1));
    let text = fs::read_to_string(target.path().join("projects/-srv-here/session.jsonl")).unwrap();
    assert_eq!(text, [&*rows[0], &rows[1], &rows[4], &rows[5]].concat());
}

#[tokio::test]
async fn of_a_damaged_session_nothing_is_left_and_the_others_go_on() {
    let store = Arc::new(MemoryStore::new());
    let other = SessionKey::main("project", "whole").unwrap();
    append(&*store, &other, lines(0, 2)).await;
    append(&*store, &agent("subagents/agent-1"), lines(0, 2)).await;
    append(&*store, &main_key(), lines(0, 2)).await;
    append(&*store, &main_key(), lines(2, 2)).await;
    store.tamper(&main_key(), |batches| batches[1].payload = "{}\n".into());
    let target = Projects::new();
    let report = restored(&store, target.path()).await;

    assert_eq!(names(target.path()), ["projects/project/whole.jsonl"]);
    assert!(!target.path().join("projects/project/session").exists());
    assert_eq!((report.totals.sessions, report.totals.failures), (1, 1));
    let failure = report.sessions[0].failure.as_ref().unwrap();
    assert_eq!(failure.damaged, Some((2, 2)));
    assert_eq!(report.sessions[0].files, 0);
}

#[tokio::test]
async fn keys_that_must_not_be_file_names_write_nothing() {
    let store = Arc::new(MemoryStore::new());
    let hostile = [
        ("..", "up"),
        ("project", ".."),
        ("project", "../../escape"),
        ("/etc", "passwd"),
        ("C:", "drive"),
        ("back\\slash", "s"),
    ];
    for (project, session) in hostile {
        append(&*store, &SessionKey::main(project, session).unwrap(), lines(0, 1)).await;
    }
    append(
        &*store,
        &SessionKey::main("project", "n".repeat(4096)).unwrap(),
        lines(0, 1),
    )
    .await;
    let target = Projects::new();
    let into = target.path().join("into");
    let report = restored(&store, &into).await;

    assert_eq!(names(target.path()), [""; 0]);
    assert_eq!(report.totals.failures, 7);
    for row in &report.sessions {
        assert!(
            matches!(row.failure.as_ref().unwrap().error, StreamError::UnsafeKey { .. }),
            "{row:?}"
        );
    }
}

#[tokio::test]
async fn hostile_subpaths_are_left_out_and_named() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 1)).await;
    for subpath in ["../../../escape", "/etc/x", "a/./b", "C:x", "..", "subagents/"] {
        append(&*store, &agent(subpath), lines(0, 1)).await;
    }
    append(&*store, &agent("subagents/agent-1"), lines(0, 1)).await;
    let target = Projects::new();
    let report = restored(&store, target.path()).await;

    let expected = [
        "projects/project/session/subagents/agent-1.jsonl",
        "projects/project/session.jsonl",
    ];
    let mut names = names(target.path());
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    assert_eq!(names, expected);
    assert_eq!((report.totals.skipped, report.totals.failures), (6, 0));
}

#[tokio::test]
async fn two_keys_with_one_name_are_a_failure_not_a_mixture() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 1)).await;
    // Its directory would lie where the other one's file is, whichever comes first.
    let other = SessionKey::main("project", "session.jsonl").unwrap();
    append(&*store, &other.with_subpath("subagents/agent-1").unwrap(), lines(0, 1)).await;
    append(&*store, &other, lines(5, 1)).await;
    let target = Projects::new();
    let report = restored(&store, target.path()).await;
    assert_eq!((report.totals.sessions, report.totals.failures), (1, 1));
}

#[tokio::test]
async fn an_outage_is_waited_for_and_a_refusal_fails_the_session() {
    let faulty = FaultyStore::default();
    append(&*faulty.inner, &main_key(), lines(0, 3)).await;
    faulty
        .loads
        .lock()
        .unwrap()
        .extend([CallFault::Fail(away()), CallFault::Fail(away())]);
    let store = Arc::new(faulty);
    let target = Projects::new();
    let report = restored(&store, &target.path().join("one")).await;
    assert_eq!((report.totals.entries, report.totals.failures), (3, 0));

    store
        .loads
        .lock()
        .unwrap()
        .push_back(CallFault::Fail(StoreError::Denied("no".into())));
    let report = restored(&store, &target.path().join("two")).await;
    assert_eq!(report.totals.failures, 1);
    assert_eq!(names(&target.path().join("two")), [""; 0]);
}

#[tokio::test]
async fn a_dropped_restore_takes_its_files_away() {
    let store = Arc::new(MemoryStore::new());
    for n in 0..20 {
        append(&*store, &main_key(), lines(n * 100, 100)).await;
    }
    let target = Projects::new();
    for polls in 1..60 {
        let into = target.path().join(polls.to_string());
        let mut restoring = Box::pin(restore(store.clone(), None, &into, RestoreOptions::default(), silent()));
        let mut is_done = false;
        for _ in 0..polls {
            is_done = futures_util::FutureExt::now_or_never(&mut restoring).is_some();
            if is_done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(restoring);
        // The blocking half may still be at work: it stops at its next step.
        while !is_done && names(target.path()).iter().any(|name| name.ends_with(".partial")) {
            tokio::task::yield_now().await;
        }
    }
    for file in names(target.path()) {
        assert!(file.ends_with("projects/project/session.jsonl"), "{file}");
        assert_eq!(fs::read(target.path().join(&file)).unwrap(), lines(0, 2000).as_bytes());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_write_that_fails_names_the_file_and_leaves_nothing() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 1)).await;
    let target = Projects::new();
    let shared = Restore {
        store,
        target: RestoreTarget::open(&target.path().join("into")).unwrap(),
        meter: Meter::new(silent()),
        options: RestoreOptions::default(),
    };
    // Another process removed the directory.
    fs::remove_dir(target.path().join("into/projects")).unwrap();
    let row = shared.session(main_key()).await;
    let StreamError::Write { path, .. } = &row.failure.as_ref().unwrap().error else {
        panic!("{row:?}")
    };
    assert!(path.ends_with("into/projects/project"), "{path:?}");
}

fn hostile_keys() -> impl Strategy<Value = Vec<SessionKey>> {
    let key = hostile::key().prop_map(|key| {
        let main = SessionKey::main(key.project_key, key.session_id).unwrap();
        key.subpath
            .map_or(main.clone(), |subpath| main.with_subpath(subpath).unwrap())
    });
    prop::collection::vec(key, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_keys_say_files_lie_in_their_places_or_nowhere(keys in hostile_keys()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Arc::new(MemoryStore::new());
            for key in &keys {
                append(&*store, &key.to_main(), lines(0, 1)).await;
                append(&*store, key, lines(0, 1)).await;
            }
            let target = Projects::new();
            let report = restored(&store, &target.path().join("into")).await;
            let written = paths(target.path());
            let allowed: Vec<_> = keys
                .iter()
                .flat_map(|key| [key.file(), key.to_main().file()])
                .filter_map(|file| Some(Path::new("into/projects").join(file.ok()?)))
                .collect();
            assert!(written.iter().all(|file| allowed.contains(file)), "{written:?}");
            assert_eq!(written.len() as u64, report.totals.files);
        });
    }
}

/// A file for the one is a folder for the other: the second one fails, and the report names it.
#[tokio::test]
async fn two_sessions_that_want_one_name_do_not_mix() {
    let store = Arc::new(MemoryStore::new());
    let [short, long] = ["a", "a.jsonl"].map(|session| SessionKey::main("project", session).unwrap());
    append(&*store, &short, lines(0, 1)).await;
    append(&*store, &long, lines(0, 2)).await;
    let agent = long.with_subpath("subagents/agent-1").unwrap();
    append(&*store, &agent, lines(0, 3)).await;
    let target = Projects::new();
    let into = target.path().join("new");
    let report = restored(&store, &into).await;
    assert_eq!((report.totals.sessions, report.totals.failures), (1, 1), "{report:?}");
    let whole = match report.sessions[0].failure {
        None => vec!["a.jsonl"],
        Some(_) => vec!["a.jsonl.jsonl", "a.jsonl/subagents/agent-1.jsonl"],
    };
    let mut left = names(&into.join("projects/project"));
    left.sort();
    assert_eq!(left, whole);
}
