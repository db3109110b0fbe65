//! The adapter as ordinary Rust, on a server of its own (moto), which the tests start and which ends with them.

mod answers;
mod appending;
mod compaction;
mod crashes;
mod damage;
mod directory;
mod habits;
mod keys;
mod listings;
mod loading;
mod many;
mod opening;
mod races;
mod server;
mod tombstones;
mod wire;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use mirrorbox_adapter::{Adapter, Batch, Error, Kind, Result, SessionKey, Settings, Summary};
use uuid::Uuid;

use crate::S3;
use crate::client::{self, Runtime, ServerClock};
use crate::settings::Options;
use wire::Wire;

/// A bucket of its own, and as many hosts as a test wants.
struct Backend {
    config: Options,
    runtime: Runtime,
    client: Client,
}

impl Backend {
    fn new() -> Self {
        Self::with_settings(&[])
    }

    fn with_settings(more: &[(&str, &str)]) -> Self {
        let bucket = format!("transcripts-{}", Uuid::new_v4());
        let endpoint = server::moto().endpoint();
        let mut settings = vec![
            ("bucket", bucket.as_str()),
            ("prefix", "team"),
            ("endpoint", endpoint.as_str()),
            ("access_key_id", "id"),
            ("secret_access_key", "secret"),
        ];
        settings.extend_from_slice(more);
        let config = Options::read(&Settings::from_pairs(settings)).unwrap();
        let client = client::build(&config, client::http(), ServerClock::default());
        let runtime = Runtime::new().unwrap();
        runtime.block_on(client.create_bucket().bucket(&bucket).send()).unwrap();
        Self {
            config,
            runtime,
            client,
        }
    }

    fn host(&self) -> S3 {
        S3::over(client::http(), self.config.clone()).unwrap()
    }

    /// A host, and what its requests pass through.
    fn wired(&self) -> (S3, Wire) {
        let wire = Wire::default();
        (S3::over(wire.client(), self.config.clone()).unwrap(), wire)
    }

    /// A stream of batches 1 to `count`, and a host.
    fn with(count: u64) -> (Self, S3) {
        let backend = Self::new();
        let mut s3 = backend.host();
        for number in 1..=count {
            s3.append(&key(), entries(number), Some(summary(number))).unwrap();
        }
        (backend, s3)
    }

    /// The keys of all objects but the one that opening leaves, behind the prefix.
    fn objects(&self) -> Vec<String> {
        let keys = self.everything().into_iter();
        keys.filter(|key| !key.starts_with("~/probe/")).collect()
    }

    fn everything(&self) -> Vec<String> {
        let list = self.client.list_objects_v2().bucket(&self.config.bucket);
        let mut pages = list.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = self.runtime.block_on(pages.next()) {
            keys.extend(
                page.unwrap()
                    .contents()
                    .iter()
                    .map(|object| object.key().unwrap().to_owned()),
            );
        }
        let keys = keys.iter();
        keys.map(|key| key.strip_prefix(&self.config.prefix).unwrap().to_owned())
            .collect()
    }

    /// The names of the batches of [`key`].
    fn batches(&self) -> Vec<String> {
        let names = self.objects().into_iter();
        let names = names.filter_map(|key| key.strip_prefix("-srv-app/session/").map(str::to_owned));
        names.filter(|name| !name.contains('/')).collect()
    }

    /// The names of what stands in a folder beside them.
    fn beside(&self, folder: &str) -> Vec<String> {
        let folder = format!("-srv-app/session/~/{folder}/");
        let names = self.objects().into_iter();
        names
            .filter_map(|key| key.strip_prefix(&folder).map(str::to_owned))
            .collect()
    }

    fn put(&self, key: &str, body: &[u8]) {
        let put = self.client.put_object().bucket(&self.config.bucket);
        let put = put.key(format!("{}{key}", self.config.prefix));
        let put = put.body(ByteStream::from(body.to_vec())).send();
        self.runtime.block_on(put).unwrap();
    }

    fn get(&self, key: &str) -> Vec<u8> {
        let get = self.client.get_object().bucket(&self.config.bucket);
        let get = get.key(format!("{}{key}", self.config.prefix)).send();
        self.runtime
            .block_on(async { get.await.unwrap().body.collect().await.unwrap().to_vec() })
    }

    fn remove(&self, key: &str) {
        let remove = self.client.delete_object().bucket(&self.config.bucket);
        let remove = remove.key(format!("{}{key}", self.config.prefix)).send();
        self.runtime.block_on(remove).unwrap();
    }

    /// Puts an object, metadata and all, in the place of another.
    fn copy(&self, from: &str, to: &str) {
        let Options { bucket, prefix, .. } = &self.config;
        let copy = self.client.copy_object().bucket(bucket);
        let copy = copy
            .copy_source(format!("{bucket}/{prefix}{from}"))
            .key(format!("{prefix}{to}"));
        self.runtime.block_on(copy.send()).unwrap();
    }
}

/// The object of a batch of [`key`].
fn slot(number: u64) -> String {
    format!("-srv-app/session/{number:020}.jsonl")
}

fn key() -> SessionKey {
    SessionKey::main("-srv-app", "session")
}

fn batch(number: u64, kind: Kind, writer: &str, payload: &[u8]) -> Batch {
    Batch {
        number,
        kind,
        writer: writer.into(),
        line: number.wrapping_mul(10),
        digest: format!("{writer}-{}-{number}", kind.name()),
        payload: payload.into(),
    }
}

fn entries(number: u64) -> Batch {
    let payload = format!("{{\"line\":{number}}}\n");
    batch(number, Kind::Entries, "us", payload.as_bytes())
}

/// Another writer's batch of that number.
fn foreign(number: u64) -> Batch {
    batch(number, Kind::Entries, "them", b"{}\n")
}

fn tombstone(number: u64) -> Batch {
    batch(number, Kind::Tombstone, "us", b"")
}

fn summary(through: u64) -> Summary {
    Summary {
        through,
        json: format!("{{\"through\":{through}}}"),
    }
}

/// Everything there is to load, in pages of that many bytes.
fn load_by(s3: &mut S3, key: &SessionKey, bytes: u32) -> Result<Vec<Batch>> {
    let mut batches: Vec<Batch> = Vec::new();
    loop {
        let after = batches.last().map_or(0, |batch| batch.number);
        let page = s3.load(key, after, bytes)?;
        if page.is_empty() {
            return Ok(batches);
        }
        batches.extend(page);
    }
}

/// Everything there is to load.
fn load(s3: &mut S3, key: &SessionKey) -> Result<Vec<Batch>> {
    load_by(s3, key, 1 << 20)
}

/// The numbers of everything there is to load.
fn numbers(s3: &mut S3) -> Vec<u64> {
    load(s3, &key()).unwrap().iter().map(|batch| batch.number).collect()
}

fn end(s3: &mut S3) -> Option<u64> {
    s3.end(&key()).unwrap().map(|end| end.number)
}

fn stored_summary(s3: &mut S3) -> Option<u64> {
    let session = s3.find_session(&key().project_key, &key().session_id).unwrap();
    session
        .and_then(|session| session.summary)
        .map(|summary| summary.through)
}
