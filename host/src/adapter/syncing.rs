//! What a guest syncs, noted while it is examined: [`SyncedFiles`].
//!
//! These functions stand before those that wasmtime links.

use std::io;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, ErrorCode as FileError, Host as Files, HostDescriptor,
};

use super::guest::Guest;
use super::writing::FILES;
use crate::config::SyncedFiles;

/// Links what syncs.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut files = linker.instance(FILES)?;
    files.func_wrap_async("[method]descriptor.sync", |store, (open,)| Box::new(sync(store, open)))?;
    files.func_wrap_async("[method]descriptor.sync-data", |store, (open,)| {
        Box::new(sync_data(store, open))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

type Answer = wasmtime::Result<(Result<(), FileError>,)>;

async fn sync(mut store: StoreContextMut<'_, Guest>, open: Resource<Descriptor>) -> Answer {
    let guest = store.data_mut();
    let synced = guest.filesystem().sync(Resource::new_borrow(open.rep())).await;
    noted(guest, &open, synced)
}

async fn sync_data(mut store: StoreContextMut<'_, Guest>, open: Resource<Descriptor>) -> Answer {
    let guest = store.data_mut();
    let synced = guest.filesystem().sync_data(Resource::new_borrow(open.rep())).await;
    noted(guest, &open, synced)
}

fn noted(guest: &mut Guest, open: &Resource<Descriptor>, synced: FsResult<()>) -> Answer {
    let noting = guest.synced.clone();
    let mut files = guest.filesystem();
    if let Err(error) = synced {
        return Ok((Err(Files::convert_error_code(&mut files, error)?),));
    }
    if let Some(noting) = noting {
        note(&noting, files.table.get(open)?)?;
    }
    Ok((Ok(()),))
}

fn note(noting: &SyncedFiles, open: &Descriptor) -> io::Result<()> {
    match open {
        Descriptor::File(file) => noting.note_file(&file.file),
        Descriptor::Dir(dir) => noting.note_folder(&dir.dir),
    }
}
