//! An adapter's own code and client library without a sandbox.

use mirrorbox::key::SessionKey;
use mirrorbox::store::Batch;
use mirrorbox_adapter::{Adapter, Settings};
use tokio::task::block_in_place;

/// It waits for its server on the thread that calls it, with a runtime of its own.
#[derive(Debug)]
pub(crate) struct Native<A>(Option<A>);

impl<A: Adapter> Native<A> {
    pub(crate) fn of(adapter: A) -> Self {
        Self(Some(adapter))
    }

    pub(crate) fn open(settings: &[(&'static str, String)]) -> anyhow::Result<Self> {
        let settings = Settings::from_pairs(settings.iter().map(|(name, value)| (name, value)));
        block_in_place(|| A::open(&settings)).map(Self::of).map_err(failed)
    }

    /// The batch is copied into the adapter's types, as it is for a component.
    pub(crate) fn append(&mut self, key: &SessionKey, batch: &Batch) -> anyhow::Result<()> {
        let (key, batch) = (native_key(key), native_batch(batch));
        block_in_place(|| self.adapter()?.append(&key, batch, None).map_err(failed))
    }

    pub(crate) fn load(&mut self, key: &SessionKey, after: u64) -> anyhow::Result<()> {
        let key = native_key(key);
        block_in_place(|| self.adapter()?.load(&key, after, 1).map(drop).map_err(failed))
    }

    fn adapter(&mut self) -> anyhow::Result<&mut A> {
        self.0.as_mut().ok_or_else(|| anyhow::anyhow!("it is closed"))
    }
}

impl<A> Drop for Native<A> {
    /// A runtime must not be dropped where another one runs.
    fn drop(&mut self) {
        let adapter = self.0.take();
        block_in_place(|| drop(adapter));
    }
}

pub(crate) fn failed(error: mirrorbox_adapter::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

fn native_key(key: &SessionKey) -> mirrorbox_adapter::SessionKey {
    mirrorbox_adapter::SessionKey::main(key.project_key(), key.session_id())
}

fn native_batch(batch: &Batch) -> mirrorbox_adapter::Batch {
    mirrorbox_adapter::Batch {
        number: batch.number,
        kind: mirrorbox_adapter::Kind::Entries,
        writer: batch.origin.writer.clone(),
        line: batch.origin.line,
        digest: batch.digest.to_string(),
        payload: batch.payload.to_vec(),
    }
}
