//! In a host that runs on.

use std::fs;
use std::time::Duration;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox_e2e::{Installation, PROJECT};

use crate::component::replace_by_one_that_imports_more;

/// Longer than any machine takes.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn what_waits_is_delivered_once_it_is_approved() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    replace_by_one_that_imports_more(&installed);
    let config = installed.to_config();
    let host = Host::builder(&config.state).config(&config).build_blocking().unwrap();
    let transcript = host.transcript(SessionKey::main(PROJECT, "waits").unwrap());
    transcript.append_blocking(&[br#"{"type":"user"}"#]).unwrap();
    // Until it has been looked at, nobody knows that it waits.
    let cause = std::iter::repeat_with(|| transcript.flush_blocking(Duration::from_millis(100)).unwrap())
        .find_map(|left| left.left.first().and_then(|left| left.cause.clone()))
        .unwrap();
    assert!(cause.contains("adapters approve fs"), "{cause}");
    assert!(!installed.store.join(PROJECT).exists());
    installed.succeeds(["adapters", "approve", "fs"]);
    let left = transcript.flush_blocking(LONG).unwrap();
    assert!(left.is_empty(), "{left}");
    let left = host.close_blocking(LONG).unwrap();
    assert!(left.is_empty(), "{left}");
    assert!(fs::read_dir(&installed.store).unwrap().next().is_some());
}
