//! The directories that an adapter is granted, opened once: every instance gets these very ones.
//!
//! A path that is looked up again for each instance may lead elsewhere by then: a guest can rename and link whatever
//! lies in a directory that it may write to.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::Path;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::AdapterError;
use crate::config::{DirGrant, DirMode, Manifest, grounds};

/// Clones share what is open.
#[derive(Clone)]
pub(super) struct Preopens {
    opened: WasiFilesystemCtx,
}

impl fmt::Debug for Preopens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preopens").finish_non_exhaustive()
    }
}

impl Preopens {
    /// Opens what a manifest grants, just where that lay when its places were settled. Blocks for the disk.
    pub(super) fn open(manifest: &Manifest) -> Result<Self, AdapterError> {
        let mut wasi = WasiCtxBuilder::new();
        // An instance has a thread of its own: a file call may block it.
        wasi.allow_blocking_current_thread(true);
        let mut expected = Vec::new();
        for (grant, place) in manifest.grants.dirs.iter().zip(manifest.places()) {
            expected.push(open(&mut wasi, grant, &place).map_err(|error| unopened(grant, &error))?);
        }
        let mut opened = wasi.build().filesystem().clone();
        check(&mut opened, &manifest.grants.dirs, &expected)?;
        Ok(Self { opened })
    }

    /// Gives an instance what is open, and nothing else of the file system.
    pub(super) fn give(&self, wasi: &mut WasiCtx) {
        *wasi.filesystem() = self.opened.clone();
    }
}

/// Opens one; what it has to be, as it was found without following any link.
fn open(wasi: &mut WasiCtxBuilder, grant: &DirGrant, place: &Path) -> io::Result<Metadata> {
    let found = grounds::open(place)?.metadata()?;
    let perms = match grant.mode {
        DirMode::ReadOnly => FsPerms::ReadOnly,
        DirMode::ReadWrite => FsPerms::ReadWrite,
    };
    // This looks the path up once more, and may be led astray meanwhile: `check` tells.
    let opened = wasi.preopened_dir(place, &grant.guest, perms);
    opened.map_err(|error| match error.root_cause().downcast_ref::<io::Error>() {
        Some(cause) => io::Error::new(cause.kind(), cause.to_string()),
        None => io::Error::new(io::ErrorKind::InvalidInput, error.root_cause().to_string()),
    })?;
    Ok(found)
}

/// What is no directory, or may not be entered, stays so until a person changes it. Anything else may pass: a mount
/// that comes a moment later, too many open files, a disk that is away.
fn unopened(grant: &DirGrant, error: &io::Error) -> AdapterError {
    use io::ErrorKind as Is;
    let stays = matches!(
        error.kind(),
        Is::PermissionDenied | Is::NotADirectory | Is::InvalidInput
    );
    AdapterError::Directory {
        path: grant.host.clone(),
        reason: error.to_string(),
        passes: !stays,
    }
}

/// Makes sure that what is open is what was found.
fn check(opened: &mut WasiFilesystemCtx, grants: &[DirGrant], expected: &[Metadata]) -> Result<(), AdapterError> {
    let mut table = ResourceTable::new();
    let failed = |error: wasmtime::Error| AdapterError::Start(format!("{error:#}"));
    let mut view = WasiFilesystemCtxView {
        ctx: opened,
        table: &mut table,
    };
    let descriptors = view.get_directories().map_err(failed)?;
    for ((descriptor, _), (grant, expected)) in descriptors.into_iter().zip(grants.iter().zip(expected)) {
        let opened = table.get(&descriptor).map_err(|error| failed(error.into()))?;
        let is_expected = match opened {
            Descriptor::Dir(dir) => dir.dir.metadata().is_ok_and(|opened| is_same(&opened, expected)),
            Descriptor::File(_) => false,
        };
        if !is_expected {
            return Err(AdapterError::Directory {
                path: grant.host.clone(),
                reason: "another directory took its place while it was opened".to_owned(),
                passes: true,
            });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere a directory that is open cannot be renamed or replaced.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_may_come_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let grant = |host: &Path| DirGrant {
            host: host.to_owned(),
            guest: "/data".into(),
            mode: DirMode::ReadWrite,
        };
        for (path, passes) in [(dir.path().join("mounted-late"), true), (file, false)] {
            let mut manifest = Manifest::default();
            manifest.grants.dirs = vec![grant(&path)];
            let error = Preopens::open(&manifest).unwrap_err();
            assert_eq!(error.can_retry(), passes, "{error}");
            assert_eq!(error.into_store_error().can_retry(), passes);
        }
        let too_many = io::Error::from_raw_os_error(24);
        assert!(unopened(&grant(dir.path()), &too_many).can_retry());
    }
}
