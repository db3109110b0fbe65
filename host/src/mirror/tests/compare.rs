//! Lines of files that may be at a destination already.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::{Machine, Moody, Process, key, prune_all, stored};
use crate::config::{Flush, Keep, MirrorSettings};
use crate::disk::Disk;
use crate::key::SessionKey;
use crate::mirror::keep::Keeping;
use crate::spool::{Base, Doubtful, Stored};
use crate::store::{Batch, BatchDraft, Chain, Kind, Origin, Store, StoreError};

fn eager() -> MirrorSettings {
    MirrorSettings {
        flush: Flush::Eager,
        ..MirrorSettings::default()
    }
}

/// A process takes a file as it finds it.
fn found(process: &Process, lines: &[&str], taken: u64) {
    let found = Doubtful {
        lines: lines.len() as u64,
        taken,
        goes_on: false,
    };
    process.spool.found_blocking(&key(), found).unwrap();
    append(process, lines);
}

fn append(process: &Process, lines: &[&str]) {
    process.spool.append_blocking(&key(), lines).unwrap();
}

/// What another writer stores behind all that is there: an import, say.
pub(super) async fn store_by(store: &Moody, writer: &str, kind: Kind, lines: &[&str]) -> Batch {
    let end = store.inside.end(&key()).await.unwrap();
    let chain = end.map_or_else(|| Chain::start(&key()), |end| Chain::at(&key(), end));
    let batch = chain.number_draft(BatchDraft {
        kind,
        origin: Origin {
            writer: writer.to_owned(),
            line: 1,
        },
        payload: lines.iter().map(|line| format!("{line}\n")).collect::<String>().into(),
    });
    match kind {
        Kind::Tombstone => store.inside.delete(&key(), &batch).await.unwrap(),
        _ => store.inside.append(&key(), &batch, None).await.unwrap(),
    }
    batch
}

fn one(store: &Arc<Moody>) -> Vec<(&'static str, Arc<dyn Store>)> {
    vec![("a", store.clone())]
}

fn away() -> Option<StoreError> {
    Some(StoreError::Unavailable("away".into()))
}

const A: &str = r#"{"n":1}"#;
const B: &str = r#"{"n":2}"#;
const C: &str = r#"{"n":3}"#;
const D: &str = r#"{"n":4}"#;

#[tokio::test(start_paused = true)]
async fn a_destination_gets_the_lines_that_it_lacks_counted() {
    let (machine, store) = (Machine::new(), Moody::new());
    store_by(&store, "import", Kind::Entries, &[A, B]).await;
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A, A, B, C], 0);
    append(&process, &[B]);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, A, C, B]);
}

/// F-4: A destination that was away when others were there is compared by itself.
#[tokio::test(start_paused = true)]
async fn a_destination_that_was_away_is_compared_when_it_is_back() {
    let machine = Machine::new();
    let [a, b] = [Moody::new(), Moody::new()];
    store_by(&a, "import", Kind::Entries, &[A, B, C]).await;
    a.set_away(away());
    let stores: Vec<(&str, Arc<dyn Store>)> = vec![("a", a.clone()), ("b", b.clone())];
    let process = machine.start(&stores, &eager());
    found(&process, &[A, B, C, D], 3);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stored(&b.inside, &key()).await, [A, B, C, D]);
    a.set_away(None);
    process.flush().await;
    assert_eq!(stored(&a.inside, &key()).await, [A, B, C, D]);
}

/// F-2: What was deleted is not what its file still holds of it.
#[tokio::test(start_paused = true)]
async fn what_was_taken_before_a_delete_does_not_come_back() {
    let (machine, store) = (Machine::new(), Moody::new());
    store_by(&store, "old", Kind::Entries, &[A, B]).await;
    store_by(&store, "old", Kind::Tombstone, &[]).await;
    let mut process = machine.start(&one(&store), &eager());
    found(&process, &[A, B, C], 2);
    append(&process, &[A]);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [C, A]);
    assert!(process.events().contains(&"kept_back"));
    // A destination that nobody deleted it at gets all of it.
    let other = Moody::new();
    let machine = machine.killed(process).await;
    let both: Vec<(&str, Arc<dyn Store>)> = vec![("a", store.clone()), ("b", other.clone())];
    let process = machine.start(&both, &eager());
    process.flush().await;
    assert_eq!(stored(&other.inside, &key()).await, [A, B, C, A]);
    assert_eq!(stored(&store.inside, &key()).await, [C, A]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_before_anything_came_is_remembered_by_the_log_itself() {
    let (machine, store) = (Machine::new(), Moody::new());
    store.set_away(away());
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A, B], 2);
    process.mirror.delete(&key(), process.spool.writer()).unwrap();
    store.set_away(None);
    process.flush().await;
    drop(machine.killed(process).await);
    // Its spool and its records are gone since.
    let process = Machine::new().start(&one(&store), &eager());
    found(&process, &[A, B, C], 2);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [C]);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_a_kill_decides_the_same() {
    for landed in 1..3 {
        let (machine, store) = (Machine::new(), Moody::new());
        store_by(&store, "import", Kind::Entries, &[A]).await;
        let process = machine.start(&one(&store), &eager());
        store.set_pace(Duration::from_secs(1));
        found(&process, &[B, A, C], 0);
        append(&process, &[C, A]);
        store.tried(landed).await;
        let machine = machine.killed(process).await;
        store.set_pace(Duration::ZERO);
        let process = machine.start(&one(&store), &eager());
        // The file as it is found again, by the next one.
        found(&process, &[B, A, C, C, A, D], 5);
        process.flush().await;
        let mut lines = stored(&store.inside, &key()).await;
        lines.sort();
        assert_eq!(lines, [A, A, B, C, C, D], "killed at append {landed}");
    }
}

/// An import beside a process that follows the file.
#[tokio::test(start_paused = true)]
async fn what_others_store_meanwhile_is_counted() {
    let (machine, store) = (Machine::new(), Moody::new());
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A], 0);
    process.flush().await;
    store_by(&store, "import", Kind::Entries, &[B, C]).await;
    append(&process, &[B, B, C, D]);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C, B, D]);
    // Before they are in the spool, too.
    store_by(&store, "import", Kind::Entries, &[C]).await;
    append(&process, &[A]);
    process.flush().await;
    append(&process, &[C, C]);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C, B, D, C, A, C]);
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_file_is_compared_with_what_it_was() {
    let (machine, store) = (Machine::new(), Moody::new());
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A, B, C], 0);
    found(&process, &[A, C, C, D], 4);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C, C, D]);
    let machine = machine.killed(process).await;
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A, C, C, D], 4);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C, C, D]);
}

/// F-3: what another process holds on this disk and has not delivered yet is not delivered by two.
#[tokio::test(start_paused = true)]
async fn what_another_process_will_bring_is_left_to_it() {
    let (machine, store) = (Machine::new(), Moody::new());
    // A run, which delivers what it was told under its own name.
    let run = machine.start(&[], &eager());
    append(&run, &[A, B]);
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A, B, B, C], 0);
    // In vain it is waited for: it has no destination.
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [B, C]);
    // It delivers, and what it brings stands for nothing more.
    run.mirror
        .add_destination("a", crate::mirror::DestinationOptions::default())
        .unwrap();
    run.mirror.opened("a", store.clone());
    run.flush().await;
    append(&process, &[A]);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [B, C, A, B, A]);
}

/// What is delivered without being compared counts, too, where it waits in the same lane: a run's rows beside the file
/// as the one that follows had found it.
#[tokio::test(start_paused = true)]
async fn what_waits_beside_a_file_in_one_lane_comes_once() {
    for is_dead in [true, false] {
        let (machine, store) = (Machine::new(), Moody::new());
        let following = machine.start(&[], &eager());
        found(&following, &[A, B, C], 0);
        let machine = machine.killed(following).await;
        store.set_away(away());
        let mut run = machine.start(&one(&store), &eager());
        append(&run, &[B, C]);
        if is_dead {
            run = machine.killed(run).await.start(&one(&store), &eager());
        }
        store.set_away(None);
        run.flush().await;
        assert_eq!(stored(&store.inside, &key()).await, [A, B, C], "{is_dead}");
    }
}

/// Rows of a run that then picked up the file: the older one's copy of the file does not wait for what comes after.
#[tokio::test(start_paused = true)]
async fn what_a_younger_process_had_before_it_found_the_file_is_left_to_it() {
    let (machine, store) = (Machine::new(), Moody::new());
    let older = machine.start(&one(&store), &eager());
    let younger = machine.start(&[], &eager());
    append(&younger, &[B]);
    found(&younger, &[A, B, C], 0);
    found(&older, &[A, B, C], 0);
    older.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, C]);
    younger
        .mirror
        .add_destination("a", crate::mirror::DestinationOptions::default())
        .unwrap();
    younger.mirror.opened("a", store.clone());
    younger.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, C, B]);
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_with_one_file_the_younger_gives_way() {
    let (machine, store) = (Machine::new(), Moody::new());
    let older = machine.start(&[], &eager());
    found(&older, &[A, B], 0);
    let younger = machine.start(&one(&store), &eager());
    found(&younger, &[A, B, C], 2);
    younger.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [C]);
    older
        .mirror
        .add_destination("a", crate::mirror::DestinationOptions::default())
        .unwrap();
    older.mirror.opened("a", store.clone());
    older.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [C, A, B]);
}

/// F-3: a copy that cannot be looked at is not one that is not there.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_at_is_waited_for() {
    let (machine, store) = (Machine::new(), Moody::new());
    let run = machine.start(&[], &eager());
    append(&run, &[A, B]);
    let record = record_of(&machine, run.spool.writer());
    let good = crate::disk::read_small(&*machine.spool.open(&record).unwrap()).unwrap();
    crate::disk::replace(&machine.spool, &record, b"garbage").unwrap();
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A, B, C], 0);
    let left = process.mirror.flush(None, Some(Duration::from_secs(60))).await;
    assert!(left.to_string().contains("3 entries"), "{left:?}");
    assert!(left.left.iter().all(|left| left.cause.is_some()), "{left:?}");
    assert_eq!(stored(&store.inside, &key()).await, [] as [&str; 0]);
    crate::disk::replace(&machine.spool, &record, &good).unwrap();
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [C]);
    // Nor is one whose directory cannot be read for a while.
    let dir = std::path::Path::new(run.spool.writer());
    machine.spool.set_unreadable(Some(dir));
    found(&process, &[A, B, C, D], 3);
    let left = process.mirror.flush(None, Some(Duration::from_secs(60))).await;
    assert!(!left.is_empty());
    machine.spool.set_unreadable(None);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [C, D]);
}

fn record_of(machine: &Machine, writer: &str) -> std::path::PathBuf {
    let streams = std::path::Path::new(writer).join("streams");
    let name = machine.spool.list(&streams).unwrap().remove(0);
    streams.join(name).join("stream.json")
}

#[tokio::test(start_paused = true)]
async fn of_sidecars_the_last_one_counts() {
    let (machine, store) = (Machine::new(), Moody::new());
    let sub = key().with_subpath("subagents/agent-1").unwrap();
    let meta = |n: u32| format!("{{\"n\":{n},\"type\":\"agent_metadata\"}}");
    let take = |process: &Process, key: &SessionKey, lines: &[String]| {
        let found = Doubtful {
            lines: lines.len() as u64,
            taken: 0,
            goes_on: false,
        };
        process.spool.found_blocking(key, found).unwrap();
        process.spool.append_blocking(key, lines).unwrap();
    };
    let process = machine.start(&one(&store), &eager());
    take(&process, &sub, &[meta(1), A.to_owned(), meta(2)]);
    process.flush().await;
    let machine = machine.killed(process).await;
    let process = machine.start(&one(&store), &eager());
    take(&process, &sub, &[meta(2), A.to_owned()]);
    process.flush().await;
    assert_eq!(stored(&store.inside, &sub).await, [&meta(1), A, &meta(2)]);
    take(&process, &sub, &[meta(1), A.to_owned()]);
    process.flush().await;
    assert_eq!(stored(&store.inside, &sub).await, [&meta(1), A, &meta(2), &meta(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_pruned_file_goes_on_by_its_numbers() {
    let (machine, store) = (Machine::new(), Moody::new());
    store_by(&store, "import", Kind::Entries, &[A, B]).await;
    let process = machine.start(&one(&store), &eager());
    found(&process, &[A, B, C], 0);
    process.flush().await;
    prune_all(&process, &store).await;
    append(&process, &[A]);
    process.flush().await;
    let machine = machine.killed(process).await;
    let process = machine.start(&one(&store), &eager());
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C, A]);
}

/// An import stores lines at a destination that is away for the mirror, and whose file is pruned up to there.
#[tokio::test(start_paused = true)]
async fn what_is_imported_while_it_waits_does_not_come_twice_to_a_pruned_file() {
    let (machine, store) = (Machine::new(), Moody::new());
    store_by(&store, "import", Kind::Entries, &[A]).await;
    let keeping = Keeping {
        keep: Keep::UntilDelivered,
        worth_pruning: 1,
    };
    let process = machine.start_keeping(&one(&store), &eager(), keeping);
    found(&process, &[A, B], 0);
    process.flush().await;
    process.mirror.keeper.sweep(None);
    assert_eq!(process.spool.stream(&key()).unwrap().start().line, 3);
    store.set_away(away());
    append(&process, &[C, A]);
    let mut machine = machine.killed(process).await;
    store_by(&store, "import again", Kind::Entries, &[C]).await;
    store.set_away(None);
    // With its cursor, and without it.
    for _ in 0..2 {
        let process = machine.start(&one(&store), &eager());
        process.flush().await;
        assert_eq!(stored(&store.inside, &key()).await, [A, B, C, A]);
        machine = machine.killed(process).await;
        machine.cursors.remove_tree(std::path::Path::new("a")).unwrap();
    }
}

/// What stands for lines that are still to come could not be told any more without those before them.
#[tokio::test(start_paused = true)]
async fn nothing_is_pruned_while_lines_are_left_over() {
    let (machine, store) = (Machine::new(), Moody::new());
    store_by(&store, "import", Kind::Entries, &[A, B, C]).await;
    let keeping = Keeping {
        keep: Keep::UntilDelivered,
        worth_pruning: 1,
    };
    let process = machine.start_keeping(&one(&store), &eager(), keeping);
    found(&process, &[A, B], 0);
    process.flush().await;
    process.mirror.keeper.sweep(None);
    let machine = machine.killed(process).await;
    let process = machine.start_keeping(&one(&store), &eager(), keeping);
    found(&process, &[A, B, C], 0);
    process.flush().await;
    assert_eq!(stored(&store.inside, &key()).await, [A, B, C]);
    process.mirror.keeper.sweep(None);
    assert_eq!(process.spool.stream(&key()).unwrap().start().line, 4);
}

/// A resumed session's history, where both destinations got it from the same file by themselves.
#[tokio::test(start_paused = true)]
async fn history_that_is_there_under_another_writer_does_not_come_again() {
    const MODE: &str = r#"{"type":"mode"}"#;
    let row = |n: u32| format!(r#"{{"uuid":"{n}"}}"#);
    let (first, second, third) = (row(1), row(2), row(3));
    let (machine, a, b) = (Machine::new(), Moody::new(), Moody::new());
    let batch = store_by(&a, "import to a", Kind::Entries, &[MODE, &first, MODE, &second, MODE]).await;
    store_by(&b, "import to b", Kind::Entries, &[MODE, &first, MODE]).await;
    let stores: Vec<(&'static str, Arc<dyn Store>)> = vec![("a", a.clone()), ("b", b.clone())];
    let process = machine.start(&stores, &eager());
    let stored_at = Stored {
        destination: "a".into(),
        position: batch.position(),
    };
    let base = Base {
        lines: 5,
        stored: Some(stored_at),
    };
    process.spool.begin_blocking(&key(), base).unwrap();
    append(&process, &[&third]);
    process.flush().await;
    let all = [MODE, &first, MODE, &second, MODE, &third].map(str::to_owned);
    assert_eq!(stored(&b.inside, &key()).await, all);
    // Nobody remembers it.
    let machine = machine.killed(process).await;
    machine.cursors.remove_tree(std::path::Path::new("b")).unwrap();
    let process = machine.start(&stores, &eager());
    process.flush().await;
    assert_eq!(stored(&b.inside, &key()).await, all);
    assert_eq!(stored(&a.inside, &key()).await, all);
}
