//! Guests that take what costs them nothing.

use futures_util::future::join_all;
use mirrorbox::adapter::AdapterError;
use mirrorbox::store::StoreError;

use crate::fixture::{ONE, answers, commit, load, told};
use crate::raw::Raw;
use crate::witness::beside_another;

/// Whether a deed was refused, be it by an answer or by a trap; never granted, never out of time.
fn is_refused(error: &StoreError) -> bool {
    match error {
        StoreError::Other(told) => told.contains(": refused"),
        StoreError::Trapped(_) => true,
        _ => false,
    }
}

/// CVE-2026-27204 and CVE-2026-27572.
#[tokio::test]
async fn nobody_gets_more_than_there_is_for_one_instance() {
    let dir = tempfile::tempdir().unwrap();
    let grant = format!(
        "{ONE}[grants]\ndirs = [{{ host = {:?}, guest = \"/data\" }}]",
        dir.path()
    );
    let adapter = load("hostile", &grant).await.unwrap();
    for deed in ["headers", "header-list", "sockets", "descriptors", "messages", "poll"] {
        let error = beside_another(commit(&adapter, deed)).await;
        assert!(is_refused(&error), "{deed}: {error}");
        assert!(answers(&adapter).await, "{deed}: the next call works");
    }
}

/// The most descriptors that all instances of one adapter hold together, as `docs/adapters/limits.md` has it.
const MOST_DESCRIPTORS: u64 = 1_000;

#[tokio::test]
async fn the_instances_of_an_adapter_share_their_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let grants = format!("[grants]\ndirs = [{{ host = {:?}, guest = \"/data\" }}]", dir.path());
    for deed in ["descriptors", "sockets"] {
        let adapter = load("hostile", &format!("instances = 8\n{grants}")).await.unwrap();
        let told = beside_another(join_all((0..8).map(|_| told(&adapter, deed)))).await;
        // Each holds what it got until its instance ends.
        let held: u64 = told.iter().map(|told| refused_at(told)).sum();
        assert!((16..=MOST_DESCRIPTORS).contains(&held), "{deed}: {told:?}");
        let refusals = adapter.refusals();
        let is_told = refusals
            .iter()
            .any(|refused| refused.refusal.what.contains("open files, sockets"));
        assert!(is_told, "{deed}: {refusals:?}");
    }
}

/// How many there were before one was refused.
fn refused_at(told: &str) -> u64 {
    let (_, rest) = told.split_once("refused at ").unwrap_or_else(|| panic!("{told}"));
    rest.split(',').next().unwrap().parse().unwrap()
}

/// Instances of a component that is made of many parts would leave no room for those of others.
#[tokio::test]
async fn who_is_made_of_many_memories_may_have_few_instances() {
    let many = Raw::new().memories(60);
    let refused = beside_another(many.open("instances = 4")).await.unwrap_err();
    assert!(matches!(refused, AdapterError::NoRoom { .. }), "{refused}");
    assert!(
        refused.to_string().contains("memories") && !refused.can_retry(),
        "{refused}"
    );
    Raw::new().memories(40).open("instances = 1").await.unwrap();
}
