//! Servers that are killed under load, as by a power failure, and come back.

use mirrorbox::host::Host;
use mirrorbox_e2e::{Backend, Installation, seed, soak};
use mirrorbox_servers::Proxy;

use super::PATIENCE;
use super::appending::Appending;

super::each! { loses_nothing: redis postgres }

/// Both servers answer once a write is synced: what was acknowledged before a kill must be there after it.
async fn loses_nothing(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let proxy = Proxy::start(backend.server().address()).await.unwrap();
    let installed = Installation::with(dir.path(), &backend);
    let manifest = backend.manifest_through(proxy.port()).mirror("flush = \"eager\"");
    installed.set_manifest(&backend, &manifest);
    let host = Host::builder(&installed.state).config(&installed.to_config());
    let host = host.build().await.unwrap();
    let mut rng = fastrand::Rng::with_seed(seed());
    let appending = Appending::to(&host);
    for _ in 0..if soak() { 50 } else { 5 } {
        // So far into whatever is under way then.
        let target = proxy.counts().to_server + rng.u64(20_000..400_000);
        proxy.until(|counts| counts.to_server >= target).await;
        tokio::task::block_in_place(|| backend.server().restart()).unwrap();
    }
    let acknowledged = appending.stop().await;
    host.retry();
    let left = host.flush(PATIENCE).await.unwrap();
    assert!(left.is_empty(), "{left:#?}");
    nothing_had_to_be_sent_again(&host);
    let _ = host.close(PATIENCE).await.unwrap();
    let reading = backend.open().await;
    for stream in acknowledged {
        stream.is_stored(reading.clone()).await;
    }
    reading.close().await;
}

/// The mirror would have healed it, but the server must not forget what it acknowledged.
fn nothing_had_to_be_sent_again(host: &Host) {
    for destination in host.status() {
        let events = destination.counts.events;
        assert!(!events.contains_key("history_lost"), "{events:?}");
        assert!(!events.contains_key("foreign_writer"), "{events:?}");
    }
}
