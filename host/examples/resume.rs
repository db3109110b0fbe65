//! Another machine goes on with a session: its files come back from the destination, byte for byte.
//!
//! ```sh
//! cargo run --example resume
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox::session::RestoreOptions;
use mirrorbox::store::{MemoryStore, Store};

const PROJECT: &str = "-srv-app";
const SESSION: &str = "0b6c9f0e-8b0f-4c55-9a38-2f6f3c1d7e21";
const LINE: &[u8] = br#"{"type":"user","uuid":"1","message":{"content":"Find the leak"}}"#;
/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    // It stands for a bucket or a database that both machines reach.
    let shared: Arc<dyn Store> = Arc::new(MemoryStore::new());

    let first = tempfile::tempdir()?;
    on_the_first_machine(first.path(), shared.clone())?;
    // Its disk goes away.
    drop(first);

    let second = tempfile::tempdir()?;
    on_another_machine(second.path(), shared)
}

fn on_the_first_machine(disk: &Path, shared: Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    let host = Host::builder(&disk.join("state"))
        .store("shared", shared)
        .build_blocking()?;
    host.transcript(SessionKey::main(PROJECT, SESSION)?)
        .append_blocking(&[LINE])?;
    let left = host.close_blocking(PATIENCE)?;
    assert!(left.is_empty(), "not delivered: {left}");
    Ok(())
}

fn on_another_machine(disk: &Path, shared: Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    let host = Host::builder(&disk.join("state"))
        .store("shared", shared)
        .build_blocking()?;
    // A configuration directory from which the agent resumes: `CLAUDE_CONFIG_DIR=…/config claude --resume …`.
    let config = disk.join("config");
    host.sessions(PROJECT)
        .restore_blocking(SESSION, &config, RestoreOptions::default())?;
    let file = config.join("projects").join(PROJECT).join(format!("{SESSION}.jsonl"));
    assert_eq!(fs::read(&file)?, [LINE, b"\n"].concat());
    println!("the transcript is back, byte for byte");
    let left = host.close_blocking(PATIENCE)?;
    assert!(left.is_empty(), "not delivered: {left}");
    Ok(())
}
