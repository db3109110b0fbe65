//! Sessions as the agent's SDKs read and write them: a backend's outage is nobody's problem, and nothing comes twice.
//!
//! ```sh
//! cargo run --example session_store
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::host::{Host, SessionStore};
use mirrorbox::key::SessionKey;
use mirrorbox::store::MemoryStore;

/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let state = tempfile::tempdir()?;
    let host = Host::builder(state.path())
        .store("memory", Arc::new(MemoryStore::new()))
        .build_blocking()?;
    let store = host.session_store();
    let key = SessionKey::main("-srv-app", "0b6c9f0e-8b0f-4c55-9a38-2f6f3c1d7e21")?;

    // On local disk when it returns; on its way to the destination after that.
    store.append_blocking(
        &key,
        &[br#"{"type":"user","uuid":"1","message":{"content":"Find the leak"}}"#],
    )?;
    store.append_blocking(&key, &[br#"{"type":"custom-title","customTitle":"The leak"}"#])?;
    assert_eq!(lines(&store, &key)?, 2);

    let left = host.flush_blocking(PATIENCE)?;
    assert!(left.is_empty(), "not delivered: {left}");
    store.append_blocking(&key, &[br#"{"type":"user","uuid":"2","parentUuid":"1"}"#])?;
    println!("{} lines, each once, wherever it lies", lines(&store, &key)?);

    store.delete_blocking(&key)?;
    assert!(store.load_blocking(&key)?.is_none() && store.list_sessions_blocking("-srv-app")?.is_empty());
    let left = host.close_blocking(PATIENCE)?;
    assert!(left.is_empty(), "not delivered: {left}");
    Ok(())
}

/// How many lines a transcript has. They come in pieces: memory does not grow with it.
fn lines(store: &SessionStore, key: &SessionKey) -> Result<usize, Box<dyn Error>> {
    let mut loaded = store.load_blocking(key)?.ok_or("it was never written")?;
    let mut count = 0;
    while let Some(lines) = loaded.next_blocking() {
        count += lines?.split_inclusive(|byte| *byte == b'\n').count();
    }
    Ok(count)
}
