//! Every request to the server.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_smithy_types::base64;
use bytes::Bytes;
use md5::{Digest, Md5};
use mirrorbox_adapter::Result;

use crate::client::{self, ServerClock};
use crate::failure::Failure;
use crate::settings::Options;

mod list;
mod remove;

pub(crate) use list::{Listed, behind_folder};
use remove::Removing;

/// How often a write that meets another one on the same name is sent.
const ATTEMPTS: u32 = 5;

pub(crate) type Metadata = HashMap<String, String>;

/// One bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    client: Client,
    clock: ServerClock,
    options: Options,
    removing: Removing,
}

/// What an object is, without its bytes.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) metadata: Metadata,
    /// Of the whole object, or of the range that was asked for.
    pub(crate) size: u64,
}

impl Bucket {
    pub(crate) fn new(options: Options, http: SharedHttpClient) -> Self {
        let clock = ServerClock::default();
        Self {
            client: client::build(&options, http, clock.clone()),
            clock,
            options,
            removing: Removing::default(),
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Unix milliseconds by the server's clock, at its last answer.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// An object as a person would name it.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.options.bucket)
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
            let put = async || {
                let put = self.put_object(key, body.clone()).if_none_match("*");
                put.set_metadata(Some(metadata.clone())).send().await
            };
            match self.send(put).await {
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
        let body = body.into();
        let put = self.send(async || self.put_object(key, body.clone()).send().await);
        put.await
            .map(drop)
            .map_err(|failure| failure.of(&format!("PUT {}", self.url(key))))
    }

    /// Sends a request; once more where it was refused while this machine's clock is wrong. The first answer told the
    /// server's time, by which the SDK signs from then on.
    async fn send<T, E>(&self, request: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>) -> Result<T, Failure>
    where
        SdkError<E, HttpResponse>: Into<Failure>,
    {
        match request().await.map_err(Into::into) {
            Err(failure) if failure.is_denied() && self.clock.is_wrong() => {
                self.clock.tell();
                request().await.map_err(Into::into)
            }
            answer => answer,
        }
    }

    fn put_object(&self, key: &str, body: Bytes) -> PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(&self.options.bucket)
            .key(key)
            .set_server_side_encryption(self.options.encryption.clone())
            .set_ssekms_key_id(self.options.kms_key_id.clone())
            .set_acl(self.options.acl.clone())
            .set_storage_class(self.options.storage_class.clone())
            .set_tagging(self.options.tags.clone())
            // A bucket with object lock takes nothing without a checksum.
            .content_md5(md5_of(&body))
            .body(ByteStream::from(body))
    }

    /// Looks at an object; `None` if it is missing.
    pub(crate) async fn head(&self, key: &str) -> Result<Option<Object>> {
        let head = self.client.head_object().bucket(&self.options.bucket).key(key);
        self.unless_absent("HEAD", key, async {
            let answer = self.send(async || head.clone().send().await).await?;
            Ok(Object {
                size: size(answer.content_length()),
                metadata: answer.metadata.unwrap_or_default(),
            })
        })
        .await
    }

    /// Reads an object, or a range of its bytes; `None` if it is missing.
    pub(crate) async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<(Object, Vec<u8>)>> {
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let get = self.client.get_object().bucket(&self.options.bucket).key(key);
        let get = get.set_range(range);
        self.unless_absent("GET", key, async {
            let answer = self.send(async || get.clone().send().await).await?;
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
}

/// What goes into the header `Content-MD5`.
fn md5_of(body: &[u8]) -> String {
    base64::encode(Md5::digest(body))
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
