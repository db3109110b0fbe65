//! Show a session as it grows: what another host appends appears as soon as the destination has it.
//!
//! ```sh
//! cargo run --example follow
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::session::{News, follow};
use mirrorbox::store::{MemoryStore, Store};

/// How many entries this example waits for.
const ENTRIES: usize = 3;
/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let shared: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let key = SessionKey::main("-srv-app", "session-1")?;

    // The machine where the agent works.
    let state = tempfile::tempdir()?;
    let host = Host::builder(state.path())
        .store("shared", shared.clone())
        .build()
        .await?;
    let transcript = host.transcript(key.clone());
    transcript.append(&[br#"{"n":1}"#]).await?;
    let left = transcript.flush(PATIENCE).await?;
    assert!(left.is_empty(), "not delivered: {left}");

    // The machine where a person looks on. The last batch that is stored comes first.
    let mut session = follow(shared, &key).await?;
    let mut seen = 0;
    while seen < ENTRIES {
        match session.next().await? {
            News::Entry(line) => {
                println!("{}", String::from_utf8_lossy(&line));
                seen += 1;
                let more = format!(r#"{{"n":{}}}"#, seen + 1);
                transcript.append(&[more.as_bytes()]).await?;
                transcript.turn_ended();
            }
            News::Deleted => println!("the session was deleted"),
            News::Away { cause } => println!("the destination does not answer: {cause}"),
            News::Back => println!("the destination answers again"),
            _ => {}
        }
    }
    let left = host.close(PATIENCE).await?;
    println!("left for the next host: {} streams", left.left.len());
    Ok(())
}
