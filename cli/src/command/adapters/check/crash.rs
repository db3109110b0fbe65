//! A machine that crashes while an adapter runs on it: what was synced is taken to another one, where it is opened.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::LocalBoxFuture;
use mirrorbox::config::{Examination, KeptNames, SyncedFiles};
use mirrorbox::store::Store;
use mirrorbox_conformance::{Crash, Remains};
use tempfile::TempDir;

use super::{Subject, subject};
use crate::destinations::Destinations;
use crate::error::CliError;

/// An adapter in folders of its own, and what is left of them after each crash.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    subject: &'a Subject,
    folders: Vec<TempDir>,
    running: Destinations,
    examination: Examination,
    /// Kept until the machine stops: their adapters are open.
    crashed: Mutex<Vec<(Destinations, Vec<TempDir>)>>,
}

impl<'a> Machine<'a> {
    pub(super) async fn start(subject: &'a Subject, examination: &Examination) -> Result<Self, CliError> {
        let folders = subject.fresh_folders()?;
        let running = subject.open_in(Some(&folders), examination).await?;
        Ok(Self {
            subject,
            folders,
            running,
            examination: examination.clone(),
            crashed: Mutex::default(),
        })
    }

    pub(super) fn running(&self) -> &Destinations {
        &self.running
    }

    pub(super) async fn stop(self) {
        self.running.close().await;
        let crashed = self.crashed.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (opened, _folders) in crashed {
            opened.close().await;
        }
    }

    fn remains(&self, synced: &SyncedFiles, names: KeptNames) -> io::Result<Vec<TempDir>> {
        let folders = self.folders.iter().map(|folder| {
            let left = tempfile::Builder::new().prefix("mirrorbox-check-").tempdir()?;
            synced.outlasting_a_crash(folder.path(), left.path(), names)?;
            Ok(left)
        });
        folders.collect()
    }

    async fn found_after(&self, names: KeptNames) -> Result<Arc<dyn Store>, String> {
        let Some(synced) = self.examination.synced() else {
            return Err("what is synced was not noted".to_owned());
        };
        let folders = self.remains(synced, names);
        let folders = folders.map_err(|error| format!("what was synced cannot be written anew: {error}"))?;
        let examination = Examination::default();
        let opened = self.subject.open_in(Some(&folders), &examination).await;
        let opened = opened.map_err(|error| error.to_string())?;
        let store = subject::store(&opened, &examination).map_err(|error| error.to_string());
        let mut crashed = self.crashed.lock().unwrap_or_else(PoisonError::into_inner);
        crashed.push((opened, folders));
        store
    }
}

impl Crash for Machine<'_> {
    fn after(&self, remains: Remains) -> LocalBoxFuture<'_, Result<Arc<dyn Store>, String>> {
        Box::pin(self.found_after(match remains {
            Remains::Synced => KeptNames::Synced,
            Remains::SyncedAndNames => KeptNames::All,
        }))
    }
}
