//! Keeps transcripts in one folder, a file per batch, readable with `head`, `tail` and `jq`.
//!
//! ```text
//! root/
//!   .tmp/                             what is being written
//!   <project>/<session>/              the main transcript
//!     00000000000000000001.jsonl      a batch: a line of JSON that says what it is, then its payload as it came
//!     summary/<number>.json           the summary, and the batch that it reaches to
//!     tombstones/<number>             a tombstone stands, or was meant to stand, at that number
//!     subpaths/<subpath>/             the session's other transcripts, each like the main one
//! ```
//!
//! Names are made by [`encode_file_name`](mirrorbox_adapter::encoding::encode_file_name); a folder whose name was too
//! long for that holds it in a file `.key`. The setting `root` says where; natively, [`Fs::at`].
//!
//! # Why a crash or a race leaves every batch whole or absent
//!
//! Hosts share nothing but the folder. Three steps are atomic there: creating a file that must not exist, linking a
//! file to a name that must not exist, renaming.
//!
//! **A batch** is written under a name of its own in `.tmp`, synced, then linked into its slot. A slot is therefore
//! empty or complete, and of two writers one link wins. The loser finds its own digest there (its first try had
//! landed) or another's (conflict). Success is returned after the folder, and every folder above it that was new, is
//! synced; a retry syncs them too, since the first try may have died in between. What a crash leaves in `.tmp` is
//! removed by a later `open`, after an hour.
//!
//! **A tombstone** first puts its mark into `tombstones/`, then takes its slot like any batch. It stands when a
//! tombstone is in the slot: a mark without one, left by a crash or a lost race, hides nothing. Marks are never
//! removed, so a search for the newest tombstone needs no list of slots and overlooks none: a slot that is
//! missing under a mark was removed below a newer tombstone, whose mark is there by then; so it looks again.
//!
//! **Removal** begins when the tombstone stands, and removes only what lies before it. Reading starts at the newest
//! tombstone, so it makes no difference how much of that is gone. The only harm is that slots before the tombstone are
//! free again, and a late append could take one. It therefore looks for a newer tombstone after its link: if its slot
//! was free because of a removal, that tombstone stood before the link and is found. Then the append removes its own
//! file and says conflict; nobody else can be in that slot for good, since everybody must look. A crash in between
//! leaves a file that the tombstone hides. A delete that arrives between link and look makes the append a conflict as
//! well: the two were at work at once, and its lines may be numbered again behind the tombstone.
//!
//! **A summary** is a file of its own under the number that it reaches to, renamed into place after its batch was
//! synced. The highest counts and lower ones are removed, so a slow writer cannot put an older summary in place of a
//! newer one. One that does not reach beyond the newest tombstone counts for nothing; as with batches, its writer looks
//! after writing and removes it.

mod ahead;
mod batch_file;
mod disk;
mod folders;
mod layout;
mod listing;
mod settings;
mod stream;
mod summary;

use std::path::PathBuf;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Error, Info, Kind, Page, Piece, Position, Result, Session, SessionKey, Settings,
    Summary,
};

use crate::ahead::Ahead;
use crate::folders::Folders;
use crate::layout::Layout;
use crate::settings::Options;
use crate::stream::Stream;

/// The adapter.
#[derive(Debug)]
pub struct Fs {
    layout: Layout,
    folders: Folders,
    ahead: Ahead,
}

impl Fs {
    /// Opens a folder that exists.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let layout = Layout::new(root.into());
        disk::prepare(&layout)?;
        Ok(Self {
            layout,
            folders: Folders::default(),
            ahead: Ahead::default(),
        })
    }

    fn stream<'a>(&'a self, key: &'a SessionKey) -> Stream<'a> {
        Stream::new(&self.layout, key)
    }
}

impl Adapter for Fs {
    const INFO: Info = Info {
        name: "fs",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: true,
            compaction: false,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        Self::at(Options::read(settings)?.root)
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        self.folders.ensure(&self.layout, key)?;
        let stream = self.stream(key);
        if batch.kind == Kind::Tombstone {
            stream.mark(batch.number)?;
        }
        match stream.put(&batch) {
            // A person removed the folder.
            Err(error @ Error::Unavailable(_)) => {
                self.folders.forget();
                Err(error)
            }
            Err(error) => Err(error),
            Ok(()) => summary.map_or(Ok(()), |summary| stream.put_summary(&summary)),
        }
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        self.stream(key).load(after, max_bytes)
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        self.stream(key).end()
    }

    fn list_subkeys(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        let main = SessionKey::main(project_key, session_id);
        listing::subpaths(&self.layout, &self.ahead, &main, token, limit)
    }

    fn list_projects(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        listing::projects(&self.layout, &self.ahead, token, limit)
    }

    fn list_sessions(&mut self, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        listing::sessions(&self.layout, &self.ahead, project_key, token, limit)
    }

    fn find_session(&mut self, project_key: &str, session_id: &str) -> Result<Option<Session>> {
        listing::session(&self.layout, &SessionKey::main(project_key, session_id))
    }

    fn delete(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        let number = tombstone.number;
        self.append(key, tombstone, None)?;
        self.stream(key).remove_before(number, Piece::begin)
    }
}

#[cfg(feature = "component")]
mirrorbox_adapter::export!(Fs);

#[cfg(test)]
mod tests;
