//! A whole adapter: keeps transcripts in one folder, a file for each batch, readable with `head`, `tail` and `jq`.
//!
//! This file answers the calls; `transcript` is the backend, with `files` and `listing`. Put yours in its place.

mod files;
mod listing;
mod transcript;

use std::path::PathBuf;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Error, Info, Page, Position, Result, Session, SessionKey, Settings, Summary,
};

use files::Files;
use transcript::Transcript;

/// An adapter whose manifest grants it a folder, which setting `root` names.
#[derive(Debug)]
pub struct Plain {
    files: Files,
}

impl Plain {
    fn transcript<'a>(&'a self, key: &'a SessionKey) -> Transcript<'a> {
        Transcript::new(&self.files, key)
    }
}

impl Adapter for Plain {
    const INFO: Info = Info {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: true,
            compaction: false,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        let root = settings.required::<PathBuf>("root")?;
        // Refuses settings that nobody asked for, before anything is prepared.
        settings.finish()?;
        if !root.is_dir() {
            // The host tries again when the manifest changes, and rarely before.
            return Err(Error::Misconfigured(format!(
                "{} is not a folder: grant one under that name (`dirs` under [grants])",
                root.display()
            )));
        }
        let files = Files::at(root)?;
        Ok(Self { files })
    }

    fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        let transcript = self.transcript(key);
        transcript.append(&batch)?;
        summary.map_or(Ok(()), |summary| transcript.put_summary(&summary))
    }

    fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        self.transcript(key).load(after, max_bytes)
    }

    fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        self.transcript(key).end()
    }

    fn list_subkeys(
        &mut self,
        project_key: &str,
        session_id: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        listing::subpaths(&self.files, &SessionKey::main(project_key, session_id), token, limit)
    }

    fn list_projects(&mut self, token: Option<&str>, limit: u32) -> Result<Page<String>> {
        listing::projects(&self.files, token, limit)
    }

    fn list_sessions(&mut self, project_key: &str, token: Option<&str>, limit: u32) -> Result<Page<Session>> {
        listing::sessions(&self.files, project_key, token, limit)
    }

    fn find_session(&mut self, project_key: &str, session_id: &str) -> Result<Option<Session>> {
        self.transcript(&SessionKey::main(project_key, session_id)).session()
    }

    fn delete(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        let transcript = self.transcript(key);
        transcript.append(&tombstone)?;
        transcript.remove_before(tombstone.number)
    }
}

mirrorbox_adapter::export!(Plain);

#[cfg(test)]
mod tests;
