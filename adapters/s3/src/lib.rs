//! Keeps transcripts in an S3 bucket, an object per batch, readable with `aws s3 cp` and `jq`.
//!
//! ```text
//! {prefix}
//!   ~/probe/if-none-match                 says that the server honours conditions: the first `open` made it
//!   <project>/<session>/                  the main transcript
//!     00000000000000000001.jsonl          a batch: its payload; number, kind, origin and digest are metadata
//!     ~/compacted/<last>-<first>.jsonl    a cover: a line of JSON that says what follows, then many batches' payloads
//!     ~/summaries/<number>.json           a summary, under the batch that it reaches to
//!     ~/tombstones/<number>               a tombstone stands, or was meant to stand, at that number
//!     <subpath>/                          another transcript of the session, like the main one
//!     ~/key                               what a folder with a hashed name stands for
//! ```
//!
//! Parts of a key are percent-encoded, hashed where they are too long, and a subpath never begins with a digit: a
//! listing of a session's folder shows the numbers in one piece, in order.
//!
//! # Why a race or a crash leaves every batch whole or absent
//!
//! Hosts share nothing but the bucket. A server creates an object whole, and with `If-None-Match: *` only if its name
//! is free; [`open`](Adapter::open) makes sure that it does.
//!
//! **A batch** is one such request. A name that is taken is looked at: our own digest there means that the first try
//! had landed, another one is a conflict.
//!
//! **A slot can become free again**, behind a delete or a compaction, and a late request could take it. So every append
//! looks after its request: one listing shows tombstones and covers. If its slot was free because of them, they stood
//! before the request and are seen. Then the digest in the cover decides, or it is a conflict, and the append removes
//! its own object. If it dies before that, the object stays where nobody looks: reading begins at the newest tombstone
//! and takes covers first.
//!
//! **A tombstone** first puts its mark beside the batches, then takes its slot like any batch. It stands when a
//! tombstone is in the slot: a mark without one, left by a crash or a lost race, hides nothing. A search for the
//! newest tombstone looks at the slots of the marks, newest first; where a slot is missing it was removed below a newer
//! tombstone, whose mark is there by then, so it lists again.
//!
//! **A cover** holds batches that follow one another, up to 16 MiB, never the last one and never a tombstone. It is
//! created before anything that it covers is removed, and that is left to a later call, at least ten minutes later by
//! the server's clock. What it holds never changes, so a reader may take a batch from either place.
//!
//! **A summary** is an object under the number that it reaches to, written after its batch. The highest counts, so a
//! slow writer cannot put an older one in place of a newer one; those that were replaced are removed now and then.
//!
//! **Reading** lists, then gets. What is gone by then was deleted or compacted, so it lists again. A listing of
//! batches serves the pages that follow, too, for less than the ten minutes that a cover needs to empty a slot; each
//! page looks for tombstones while it reads. A number that is missing between two others is damage if it is still
//! missing when looked at again.

mod backend;
mod batch_object;
mod bucket;
mod check;
mod client;
mod compact;
mod cover;
mod failure;
mod layout;
mod listed;
mod listing;
mod load;
mod settings;
mod shelf;
mod side;
mod slots;
mod stream;

use aws_sdk_s3::config::SharedHttpClient;
use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Error, Info, Page, Piece, Position, Result, Session, SessionKey, Settings, Summary,
};

use crate::backend::Backend;
use crate::bucket::Bucket;
use crate::client::Runtime;
use crate::settings::Options;
use crate::stream::Stream;

/// The adapter.
#[derive(Debug)]
pub struct S3 {
    runtime: Runtime,
    backend: Backend,
}

impl S3 {
    /// Opens the bucket that the settings name, over this HTTP client.
    fn over(http: SharedHttpClient, options: Options) -> Result<Self> {
        let runtime = Runtime::new()?;
        let backend = Backend::new(Bucket::new(options, http));
        runtime.block_on(check::run(&backend.bucket))?;
        Ok(Self { runtime, backend })
    }
}

impl Adapter for S3 {
    const INFO: Info = Info {
        name: "s3",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: true,
            compaction: true,
        },
    };

    /// Natively, the endpoint must be one of plain HTTP, and the calls must not be made inside of a tokio runtime.
    fn open(settings: &Settings) -> Result<Self> {
        Self::over(client::http(), Options::read(settings)?)
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        self.runtime
            .block_on(Stream::new(&self.backend, key).append(batch, summary))
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        self.runtime
            .block_on(Stream::new(&self.backend, key).load(after, max_bytes))
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        self.runtime.block_on(Stream::new(&self.backend, key).end())
    }

    fn list_subkeys(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        let main = SessionKey::main(project_key, session_id);
        self.runtime
            .block_on(listing::subpaths(&self.backend, &main, token, limit))
    }

    fn list_projects(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        self.runtime.block_on(listing::projects(&self.backend, token, limit))
    }

    fn list_sessions(&mut self, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        self.runtime
            .block_on(listing::sessions(&self.backend, project_key, token, limit))
    }

    fn find_session(&mut self, project_key: &str, session_id: &str) -> Result<Option<Session>> {
        let main = SessionKey::main(project_key, session_id);
        self.runtime.block_on(listing::session(&self.backend, &main))
    }

    fn delete(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        let number = tombstone.number;
        let stream = Stream::new(&self.backend, key);
        self.runtime.block_on(async {
            stream.append(tombstone, None).await?;
            match stream.remove_before(number, &Piece::begin()).await {
                Err(Error::Denied(reason)) => Err(Error::Denied(format!(
                    "{reason}. The transcript is hidden from now on, but what was stored of it is still there"
                ))),
                removed => removed,
            }
        })
    }

    fn compact(&mut self, key: &SessionKey, through: u64) -> Result<()> {
        self.runtime.block_on(Stream::new(&self.backend, key).compact(through))
    }
}

mirrorbox_adapter::export!(S3);

#[cfg(test)]
mod tests;
