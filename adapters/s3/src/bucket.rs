//! Every request to the server.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use mirrorbox_adapter::{Error, Result};

use crate::client::{self, ServerClock};
use crate::config::Config;
use crate::failure::Failure;

mod list;

pub(crate) use list::{Listed, behind_folder};

/// How often a write that meets another one on the same name is sent.
const ATTEMPTS: u32 = 5;
/// What a server takes in one request to delete.
const DELETE_AT_ONCE: usize = 1000;

pub(crate) type Metadata = HashMap<String, String>;

/// One bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    client: Client,
    clock: ServerClock,
    config: Config,
}

/// What an object is, without its bytes.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) metadata: Metadata,
    /// Of the whole object, or of the range that was asked for.
    pub(crate) size: u64,
}

impl Bucket {
    pub(crate) fn new(config: Config, http: SharedHttpClient) -> Self {
        let clock = ServerClock::default();
        Self {
            client: client::build(&config, http, clock.clone()),
            clock,
            config,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Unix milliseconds by the server's clock, at its last answer.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// An object as a person would name it.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.config.bucket)
    }

    /// Creates an object if its name is free; tells whether it was.
    pub(crate) async fn create(&self, key: &str, metadata: Metadata, body: Bytes) -> Result<bool> {
        let created = self.try_create(key, metadata, body).await;
        created.map_err(|failure| failure.of(&format!("PUT {}", self.url(key))))
    }

    /// [`Bucket::create`], with what the server said.
    pub(crate) async fn try_create(&self, key: &str, metadata: Metadata, body: Bytes) -> Result<bool, Failure> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let put = self.put_object(key, body.clone()).if_none_match("*");
            let put = put.set_metadata(Some(metadata.clone()));
            match put.send().await.map_err(Failure::from) {
                Ok(_) => return Ok(true),
                Err(failure) if failure.is_taken() => return Ok(false),
                // Nothing else of this call runs meanwhile.
                Err(failure) if failure.is_race() && attempt < ATTEMPTS => {
                    thread::sleep(Duration::from_millis(20) * attempt);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Writes an object, whatever was there.
    pub(crate) async fn put(&self, key: &str, body: impl Into<Bytes>) -> Result<()> {
        let put = self.put_object(key, body.into()).send().await;
        put.map(drop)
            .map_err(|error| Failure::from(error).of(&format!("PUT {}", self.url(key))))
    }

    fn put_object(&self, key: &str, body: Bytes) -> PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(&self.config.bucket)
            .key(key)
            .set_server_side_encryption(self.config.encryption.clone())
            .set_ssekms_key_id(self.config.kms_key_id.clone())
            .body(ByteStream::from(body))
    }

    /// Looks at an object; none where there is none.
    pub(crate) async fn head(&self, key: &str) -> Result<Option<Object>> {
        let head = self.client.head_object().bucket(&self.config.bucket).key(key);
        self.unless_absent("HEAD", key, async {
            let answer = head.send().await?;
            Ok(Object {
                size: size(answer.content_length()),
                metadata: answer.metadata.unwrap_or_default(),
            })
        })
        .await
    }

    /// Reads an object, or a range of its bytes; none where there is none.
    pub(crate) async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<(Object, Vec<u8>)>> {
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let get = self.client.get_object().bucket(&self.config.bucket).key(key);
        self.unless_absent("GET", key, async {
            let answer = get.set_range(range).send().await?;
            let object = Object {
                size: size(answer.content_length()),
                metadata: answer.metadata.unwrap_or_default(),
            };
            let bytes = read(answer.body, object.size).await?;
            Ok((object, bytes))
        })
        .await
    }

    async fn unless_absent<T>(
        &self,
        what: &str,
        key: &str,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Option<T>> {
        match request.await {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(failure.of(&format!("{what} {}", self.url(key)))),
        }
    }

    /// Removes objects; they may be gone already.
    pub(crate) async fn remove(&self, keys: &[String]) -> Result<()> {
        for keys in keys.chunks(DELETE_AT_ONCE) {
            self.remove_some(keys).await?;
        }
        Ok(())
    }

    async fn remove_some(&self, keys: &[String]) -> Result<()> {
        let what = format!("DELETE {}", self.url(keys.first().map_or("", String::as_str)));
        let objects: Result<Vec<_>, _> = keys
            .iter()
            .map(|key| ObjectIdentifier::builder().key(key).build())
            .collect();
        let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
        let delete = delete.map_err(|error| Error::Other(format!("{what}: {error}")))?;
        let request = self.client.delete_objects().bucket(&self.config.bucket).delete(delete);
        let answer = request.send().await.map_err(|error| Failure::from(error).of(&what))?;
        match answer.errors().first() {
            None => Ok(()),
            Some(error) => Err(not_removed(&what, error)),
        }
    }
}

/// The server answers with 200 and an error for each object.
fn not_removed(what: &str, error: &aws_sdk_s3::types::Error) -> Error {
    let code = error.code().unwrap_or("an error");
    let text = format!(
        "{what}: the server said {code} of {}",
        error.key().unwrap_or("an object")
    );
    match code {
        "AccessDenied" => Error::Denied(text),
        _ => Error::Unavailable(text),
    }
}

/// Reads a body into one piece of memory.
async fn read(mut body: ByteStream, size: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    loop {
        match body.try_next().await {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => break,
            Err(error) => return Err(Failure::Lost(error.to_string())),
        }
    }
    if bytes.len() as u64 == size {
        return Ok(bytes);
    }
    Err(Failure::Lost(format!("{} bytes of {size} came", bytes.len())))
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

fn unix_ms(time: Option<&DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or_default()
}
