//! Keep an agent's transcript on local disk, and mirror it to one destination.
//!
//! ```sh
//! cargo run --example embed
//! ```
//!
//! A program of yours names a state directory that stays, and stores of its own or a configuration directory
//! (`HostBuilder::config`), whose adapters are WebAssembly components.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::store::MemoryStore;

/// How long the destination may take before the program goes on. What remains is delivered by the next host.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let state = tempfile::tempdir()?;
    let host = Host::builder(state.path())
        .store("memory", Arc::new(MemoryStore::new()))
        .build_blocking()?;

    let transcript = host.transcript(SessionKey::main("-srv-app", "session-1")?);
    // Each call returns when its entries are synced to local disk, whether or not the destination answers.
    transcript.append_blocking(&[br#"{"type":"user","uuid":"1","message":{"content":"Find the leak"}}"#])?;
    transcript.append_blocking(&[br#"{"type":"assistant","uuid":"2","message":{"content":"In the cache"}}"#])?;
    // The agent waits for its user now: a good moment to deliver.
    transcript.turn_ended();

    let left = transcript.flush_blocking(PATIENCE)?;
    if left.is_empty() {
        println!("every destination has the transcript");
    } else {
        println!("not delivered yet: {left}");
    }
    let left = host.close_blocking(PATIENCE)?;
    println!("left for the next host: {} streams", left.left.len());
    Ok(())
}
