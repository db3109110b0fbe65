//! Guests that take what costs them nothing.

use mirrorbox::store::StoreError;

use crate::fixture::{ONE, answers, commit, load};
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
