//! Faults of every kind, one after the other, while a host appends.

use std::time::Duration;

use fastrand::Rng;
use mirrorbox::host::Host;
use mirrorbox_e2e::{Backend, Installation, seed, soak};
use mirrorbox_servers::{Direction, Faults, Proxy};

use super::PATIENCE;
use super::appending::Appending;

/// The longest that one fault lasts: what stalls would never count as having struck.
const LONGEST: Duration = Duration::from_secs(3);

super::each! { a_host_outlives_every_fault: s3 redis postgres }

async fn a_host_outlives_every_fault(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let proxy = Proxy::start(backend.server().address()).await.unwrap();
    let installed = Installation::with(dir.path(), &backend);
    let manifest = backend.manifest_through(proxy.port());
    let manifest = manifest.limit("timeout = \"5s\"").mirror("flush = \"eager\"");
    installed.set_manifest(&backend, &manifest);
    let host = Host::builder(&installed.state).config(&installed.to_config());
    let host = host.build().await.unwrap();
    let mut rng = Rng::with_seed(seed());
    let appending = Appending::to(&host);
    let rounds = if soak() { 200 } else { 12 };
    for round in 0.. {
        // Some kinds only hold things up, and on a busy machine little is under way: one has struck at the end.
        if round >= rounds && proxy.counts().resets > 0 {
            break;
        }
        assert!(round < 10 * rounds, "no fault struck");
        let before = proxy.counts();
        // Only what is under way can be hit.
        let under_way = proxy.until(|counts| counts.to_server > before.to_server + 10_000);
        let _ = tokio::time::timeout(LONGEST, under_way).await;
        proxy.set(any(&mut rng));
        let struck = proxy.resets(before.resets + 2);
        let _ = tokio::time::timeout(LONGEST, struck).await;
        proxy.heal();
        host.retry();
    }
    let acknowledged = appending.stop().await;
    host.retry();
    let left = host.flush(PATIENCE).await.unwrap();
    assert!(left.is_empty(), "{left:#?}");
    let _ = host.close(PATIENCE).await.unwrap();
    let reading = backend.open().await;
    for stream in acknowledged {
        stream.is_stored(reading.clone()).await;
    }
    reading.close().await;
}

fn any(rng: &mut Rng) -> Faults {
    let none = Faults::default();
    let direction = match rng.bool() {
        true => Direction::ToServer,
        false => Direction::ToClient,
    };
    match rng.u8(..5) {
        0 => Faults { refuse: true, ..none },
        1 => Faults {
            stall: Some(direction),
            ..none
        },
        2 => Faults {
            lose_replies: true,
            ..none
        },
        3 => Faults {
            bytes_per_second: Some(20_000),
            ..none
        },
        _ => Faults {
            cut_after: Some((direction, rng.u64(..20_000))),
            ..none
        },
    }
}
