//! Removing objects.

use std::cell::Cell;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mirrorbox_adapter::{Error, Result, log};

use super::{Bucket, md5_of};

/// What a server takes in one request to delete.
const AT_ONCE: usize = 1000;

/// What the server, or the credentials, were found to allow.
#[derive(Debug, Default)]
pub(super) struct Removing {
    /// It refused to remove several objects with one request.
    one_by_one: Cell<bool>,
    /// Whether anything may be removed; none before it was tried.
    is_allowed: Cell<Option<bool>>,
}

impl Bucket {
    /// Removes objects; they may be gone already.
    pub(crate) async fn remove(&self, keys: &[String]) -> Result<()> {
        for keys in keys.chunks(AT_ONCE) {
            self.remove_some(keys).await?;
        }
        Ok(())
    }

    /// Removes what is in nobody's way: where the credentials may not remove anything, it stays, and the log says so
    /// once.
    pub(crate) async fn tidy(&self, keys: &[String]) -> Result<()> {
        if keys.is_empty() || self.removing.is_allowed.get() == Some(false) {
            return Ok(());
        }
        match self.remove(keys).await {
            Err(Error::Denied(reason)) => {
                self.found_out(false, &reason);
                Ok(())
            }
            removed => removed,
        }
    }

    /// Whether objects may be removed. Asks the server once, with a name that nothing has.
    pub(crate) async fn may_remove(&self) -> Result<bool> {
        if let Some(allowed) = self.removing.is_allowed.get() {
            return Ok(allowed);
        }
        match self.remove_one(&format!("{}~/probe/none", self.options.prefix)).await {
            Ok(()) => self.found_out(true, ""),
            Err(Error::Denied(reason)) => self.found_out(false, &reason),
            Err(error) => return Err(error),
        }
        Ok(self.removing.is_allowed.get() == Some(true))
    }

    fn found_out(&self, is_allowed: bool, reason: &str) {
        self.removing.is_allowed.set(Some(is_allowed));
        if !is_allowed {
            log::warn(
                "remove",
                format_args!(
                    "nothing may be removed here, so that what was replaced stays, and neither `delete` nor compaction \
                     works: {reason}"
                ),
            );
        }
    }

    async fn remove_some(&self, keys: &[String]) -> Result<()> {
        match keys {
            [] => Ok(()),
            [key] => self.remove_one(key).await,
            keys if self.removing.one_by_one.get() => self.remove_each(keys).await,
            keys => self.remove_together(keys).await,
        }
    }

    async fn remove_one(&self, key: &str) -> Result<()> {
        let remove = self.client.delete_object().bucket(&self.options.bucket).key(key);
        match self.send(async || remove.clone().send().await).await {
            Ok(_) => Ok(()),
            // Amazon says nothing of it; others do.
            Err(failure) if failure.is_absent() => Ok(()),
            Err(failure) => Err(failure.of(&format!("DELETE {}", self.url(key)))),
        }
    }

    async fn remove_each(&self, keys: &[String]) -> Result<()> {
        let removed = stream::iter(keys.iter().map(|key| self.remove_one(key)));
        removed
            .buffer_unordered(self.options.parallel)
            .try_for_each(async |()| Ok(()))
            .await
    }

    async fn remove_together(&self, keys: &[String]) -> Result<()> {
        let what = format!("DELETE {}", self.url(keys.first().map_or("", String::as_str)));
        let objects: Result<Vec<_>, _> = keys
            .iter()
            .map(|key| ObjectIdentifier::builder().key(key).build())
            .collect();
        let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
        let delete = delete.map_err(|error| Error::Other(format!("{what}: {error}")))?;
        let request = self.client.delete_objects().bucket(&self.options.bucket).delete(delete);
        let answer = self.send(async || {
            // The SDK's own checksum is not enough for some servers.
            let request = request.clone().customize().mutate_request(|request| {
                if let Some(md5) = request.body().bytes().map(md5_of) {
                    request.headers_mut().insert("content-md5", md5);
                }
            });
            request.send().await
        });
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(failure) if failure.is_unknown_request() => {
                self.remove_each(keys).await?;
                // Not before it worked: the next request may find a better server.
                self.removing.one_by_one.set(true);
                return Ok(());
            }
            Err(failure) => return Err(failure.of(&what)),
        };
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
        "AccessDenied" => Error::Denied(format!("{text}: allow `s3:DeleteObject`")),
        _ => Error::Unavailable(text),
    }
}
