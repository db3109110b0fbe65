//! Connections that break, stall or are refused in the middle of a call: a typed error that can be retried, and after
//! the retry every batch is there once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorbox::adapter::Adapter;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, Chain, Reader, Store, StoreError};
use mirrorbox_e2e::{Backend, ManifestText, draft};
use mirrorbox_servers::{Direction, Faults, Proxy};

use super::PATIENCE;

/// How long a call may take here: each stall costs as much.
const TIMEOUT: &str = "timeout = \"4s\"";

/// An adapter behind a proxy, and one that reaches the same server directly.
struct Bench {
    proxy: Proxy,
    adapter: Arc<Adapter>,
    reading: Arc<Adapter>,
    key: SessionKey,
    log: Log,
}

/// What is to be stored.
struct Log {
    chain: Chain,
    batches: Vec<Batch>,
}

impl Log {
    fn next(&mut self) -> Batch {
        let number = self.chain.number() + 1;
        let text = "x".repeat(40_000);
        let batch = self
            .chain
            .next(draft(number, format!("{{\"n\":{number},\"x\":\"{text}\"}}\n")));
        self.batches.push(batch.clone());
        batch
    }
}

impl Bench {
    async fn set_up(backend: &Backend) -> Self {
        let proxy = Proxy::start(([127, 0, 0, 1], backend.port()).into()).await.unwrap();
        let manifest = backend
            .manifest_through(proxy.port())
            .limit(TIMEOUT)
            .limit("instances = 1");
        let key = SessionKey::main("-srv-app", "session").unwrap();
        let log = Log {
            chain: Chain::start(&key),
            batches: Vec::new(),
        };
        let mut bench = Self {
            adapter: opened(backend, &manifest).await,
            reading: backend.open().await,
            proxy,
            key,
            log,
        };
        bench.append_healed().await;
        bench
    }

    /// Appends while these faults are there, which must fail in a way that can be retried; then, as a host would,
    /// again.
    async fn append_under(&mut self, faults: Faults) {
        let batch = self.log.next();
        self.proxy.set(faults.clone());
        let failed = self.adapter.append(&self.key, &batch, None).await;
        can_be_retried(failed, &faults);
        self.proxy.heal();
        self.retry(&batch).await;
    }

    async fn append_healed(&mut self) {
        let batch = self.log.next();
        self.retry(&batch).await;
    }

    async fn retry(&self, batch: &Batch) {
        until_done(async || self.adapter.append(&self.key, batch, None).await).await;
    }

    /// Loads while these faults are there: what comes is the beginning of what is stored, or it fails in a way that can
    /// be retried.
    async fn load_under(&mut self, faults: Faults) {
        self.proxy.set(faults.clone());
        match self.adapter.load(&self.key, 0, 16 << 20).await {
            Ok(batches) => assert!(!batches.is_empty() && self.log.batches.starts_with(&batches)),
            Err(error) => can_be_retried(Err(error), &faults),
        }
        self.proxy.heal();
        until_done(async || self.adapter.end(&self.key).await.map(drop)).await;
    }

    /// Everything is there, once, in order.
    async fn tear_down(self) {
        let mut reader = Reader::new(self.reading.clone(), self.key.clone());
        let mut stored = Vec::new();
        while let Some(batch) = reader.next().await.unwrap() {
            stored.push(batch);
        }
        assert_eq!(stored, self.log.batches);
        self.adapter.close().await;
        self.reading.close().await;
    }
}

async fn opened(backend: &Backend, manifest: &ManifestText) -> Arc<Adapter> {
    let began = Instant::now();
    loop {
        match backend.load(manifest).await {
            Ok(adapter) => return adapter,
            // A machine that is very busy.
            Err(error) if error.can_retry() && began.elapsed() < PATIENCE => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Does it until it succeeds, as long as its errors can be retried.
async fn until_done(call: impl AsyncFn() -> Result<(), StoreError>) {
    let began = Instant::now();
    while let Err(error) = call().await {
        assert!(error.can_retry() && began.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn can_be_retried(failed: Result<(), StoreError>, faults: &Faults) {
    let error = failed.expect_err("nothing can come through");
    let expected = matches!(&error, StoreError::Unavailable(_) | StoreError::Timeout(_));
    assert!(expected, "{faults:?}: {error:?}");
}

fn cut(direction: Direction, bytes: u64) -> Faults {
    Faults {
        cut_after: Some((direction, bytes)),
        ..Faults::default()
    }
}

fn stall(direction: Direction) -> Faults {
    Faults {
        stall: Some(direction),
        ..Faults::default()
    }
}

super::each! { broken_connections_lose_and_double_nothing: s3 redis postgres }

async fn broken_connections_lose_and_double_nothing(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let mut bench = Bench::set_up(&backend).await;
    let lost = Faults {
        lose_replies: true,
        ..Faults::default()
    };
    bench.append_under(lost.clone()).await;
    for bytes in [0, 1, 60, 900, 20_000, 39_900] {
        bench.append_under(cut(Direction::ToServer, bytes)).await;
    }
    for bytes in [0, 1, 5] {
        bench.append_under(cut(Direction::ToClient, bytes)).await;
    }
    bench.load_under(lost).await;
    for bytes in [0, 100, 50_000] {
        bench.load_under(cut(Direction::ToClient, bytes)).await;
    }
    bench.append_healed().await;
    bench.tear_down().await;
}

super::each! { stalls_end_at_the_deadline: s3 redis postgres }

async fn stalls_end_at_the_deadline(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let mut bench = Bench::set_up(&backend).await;
    for direction in [Direction::ToServer, Direction::ToClient] {
        bench.append_under(stall(direction)).await;
        bench.load_under(stall(direction)).await;
    }
    bench.append_healed().await;
    bench.tear_down().await;
}

super::each! { refused_connections_are_waited_for: s3 redis postgres }

async fn refused_connections_are_waited_for(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start(name, dir.path()) else {
        return;
    };
    let mut bench = Bench::set_up(&backend).await;
    bench.proxy.refuses().await;
    let refusing = Faults {
        refuse: true,
        ..Faults::default()
    };
    bench.append_under(refusing).await;
    bench.append_healed().await;
    bench.tear_down().await;
}
