//! In a host that runs on.

use std::fs;
use std::time::Duration;

use mirrorbox::host::{AdapterState, AdapterStatus, Events, Host};
use mirrorbox::key::SessionKey;
use mirrorbox_e2e::{Installation, PROJECT, test_guest};

use crate::component::{is_empty, place, replace_by_one_that_imports_more};

/// Longer than any machine takes.
const LONG: Duration = Duration::from_secs(120);

async fn start(installed: &Installation) -> (Host, Events) {
    let config = installed.to_config();
    let host = Host::builder(&config.state).config(&config).build().await.unwrap();
    let events = host.events();
    (host, events)
}

/// Waits until the adapter stands like this.
async fn until(host: &Host, events: &mut Events, is_it: impl Fn(&AdapterStatus) -> bool) -> AdapterStatus {
    let waiting = async {
        loop {
            if let Some(status) = host.adapters().into_iter().find(&is_it) {
                return status;
            }
            events.next().await.expect("the host ended first");
        }
    };
    match tokio::time::timeout(LONG, waiting).await {
        Ok(status) => status,
        Err(_) => panic!("nothing more happens: {:#?}", host.adapters()),
    }
}

fn is_open(status: &AdapterStatus) -> bool {
    status.state == AdapterState::Open && status.cause.is_none()
}

/// Whether what stands in the directory waits for approval, whatever is open.
fn waits(status: &AdapterStatus) -> bool {
    status
        .cause
        .as_ref()
        .is_some_and(|cause| cause.contains("adapters approve fs"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_delivered_once_it_is_approved() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    installed.succeeds(["adapters"]);
    replace_by_one_that_imports_more(&installed);
    let (host, mut events) = start(&installed).await;
    let transcript = host.transcript(SessionKey::main(PROJECT, "waits").unwrap());
    transcript.append(&[br#"{"type":"user"}"#]).await.unwrap();
    assert_eq!(until(&host, &mut events, waits).await.state, AdapterState::Failed);
    assert!(is_empty(&installed));
    installed.succeeds(["adapters", "approve", "fs"]);
    until(&host, &mut events, is_open).await;
    let left = transcript.flush(LONG).await.unwrap();
    assert!(left.is_empty(), "{left}");
    let left = host.close(LONG).await.unwrap();
    assert!(left.is_empty(), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_before_goes_on_until_its_replacement_is_approved() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (host, mut events) = start(&installed).await;
    until(&host, &mut events, is_open).await;
    assert!(installed.lock().exists(), "what opened is recorded");
    replace_by_one_that_imports_more(&installed);
    assert_eq!(until(&host, &mut events, waits).await.state, AdapterState::Open);
    let transcript = host.transcript(SessionKey::main(PROJECT, "goes-on").unwrap());
    transcript.append(&[br#"{"type":"user"}"#]).await.unwrap();
    assert!(transcript.flush(LONG).await.unwrap().is_empty());
    installed.succeeds(["adapters", "approve", "fs"]);
    until(&host, &mut events, is_open).await;
    assert!(host.close(LONG).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_opens_the_last_one_that_was_approved() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (host, mut events) = start(&installed).await;
    until(&host, &mut events, is_open).await;
    assert!(host.close(LONG).await.unwrap().is_empty());
    fs::copy(test_guest("network"), place(&installed)).unwrap();
    let (host, mut events) = start(&installed).await;
    assert_eq!(until(&host, &mut events, waits).await.state, AdapterState::LastGood);
    assert!(host.close(LONG).await.unwrap().is_empty());
}
