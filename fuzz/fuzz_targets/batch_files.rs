//! A file in the folder of the fs adapter is whatever lies there: it is the batch that it says it is, with all its
//! bytes, or it is reported as damaged.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;
use mirrorbox_adapter::{Adapter, Error, SessionKey};
use mirrorbox_adapter_fs::Fs;
use serde_json::Value;
use tempfile::TempDir;

/// The folder and the adapter on it, for as long as the process lasts: opening syncs, which takes longer than all else.
static PLACE: OnceLock<(TempDir, Mutex<Fs>)> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let (root, adapter) = PLACE.get_or_init(|| {
        let root = TempDir::new().expect("a folder");
        let adapter = Fs::at(root.path()).expect("an adapter");
        (root, Mutex::new(adapter))
    });
    let slot = slot(root.path());
    // A file that is cut and written anew is flushed by some file systems, a new one is not.
    let _ = fs::remove_file(&slot);
    fs::write(&slot, bytes).expect("a file");
    let mut adapter = adapter.lock().expect("nobody else has it");
    let key = SessionKey::main("project", "session");
    match adapter.load(&key, 0, 1 << 20) {
        Ok(batches) => {
            let [batch] = &batches[..] else {
                panic!("one file gave {} batches", batches.len());
            };
            let header = bytes.split(|byte| *byte == b'\n').next().expect("a line");
            let header: Value = serde_json::from_slice(header).expect("a header");
            assert_eq!(header["digest"].as_str(), Some(batch.digest.as_str()));
            assert_eq!(batch.number, 1);
            assert!(bytes.ends_with(&batch.payload));
        }
        Err(error) => assert!(
            matches!(error, Error::Corrupt { .. } | Error::Misconfigured(_) | Error::Other(_)),
            "{error:?}"
        ),
    }
    // What stands in the slot may be no batch; it is asked for all the same.
    let _ = adapter.end(&key);
});

/// Where the first batch of the stream lies.
fn slot(root: &Path) -> PathBuf {
    let folder = root.join("project/session");
    fs::create_dir_all(&folder).expect("a folder");
    folder.join("00000000000000000001.jsonl")
}
