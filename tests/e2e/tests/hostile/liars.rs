//! Guests whose answers are no truth.

use std::sync::Arc;

use mirrorbox::key::SessionKey;
use mirrorbox::store::{Reader, Store, StoreError};

use crate::fixture::{ONE, load};
use crate::witness::beside_another;

#[tokio::test]
async fn a_lie_is_an_error_that_names_the_batch() {
    let adapter: Arc<dyn Store> = Arc::new(load("hostile", ONE).await.unwrap());
    for lie in ["lie-number", "lie-digest", "lie-kind", "lie-twice"] {
        let key = SessionKey::main("project", lie).unwrap();
        let mut reader = Reader::new(adapter.clone(), key);
        let error = beside_another(async { reader.next().await.unwrap_err() }).await;
        println!("{lie}: {error}");
        assert!(error.to_string().contains("batch"), "{lie}: {error}");
    }
}

/// A number that leaves no room for another.
#[tokio::test]
async fn an_end_beyond_all_numbers_is_no_place_to_append() {
    let adapter = load("hostile", ONE).await.unwrap();
    let key = SessionKey::main("project", "session").unwrap();
    assert_eq!(adapter.end(&key).await.unwrap().unwrap().number, u64::MAX);
    let error = adapter.load(&key, u64::MAX - 8, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
}
