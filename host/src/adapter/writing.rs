//! What a guest writes to files, as far as the spool's disk has room for it ([`super::reserve`]).
//!
//! These functions stand before those that wasmtime links.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, ErrorCode as FileError, Filesize, Host as Files, HostDescriptor,
};
use wasmtime_wasi::p2::{DynOutputStream, FsError, OutputStream, Pollable, StreamError, StreamResult};

use super::guest::Guest;
use super::log::GuestLog;
use super::reserve::Reserve;
use crate::config::network::Refusal;

/// The interface in the version that wasmtime links; guests of other versions within 0.2 get it.
pub(super) const FILES: &str = "wasi:filesystem/types@0.2.12";

/// Links what writes under the reserve.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut files = linker.instance(FILES)?;
    files.func_wrap_async("[method]descriptor.write", |store, arguments| {
        Box::new(write(store, arguments))
    })?;
    files.func_wrap("[method]descriptor.write-via-stream", write_via_stream)?;
    files.func_wrap("[method]descriptor.append-via-stream", append_via_stream)?;
    files.func_wrap_async("[method]descriptor.create-directory-at", |store, arguments| {
        Box::new(create_directory_at(store, arguments))
    })?;
    files.func_wrap_async("[method]descriptor.symlink-at", |store, arguments| {
        Box::new(symlink_at(store, arguments))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a function of files answers.
type Answer<T> = wasmtime::Result<(Result<T, FileError>,)>;

fn answer<T>(files: &mut WasiFilesystemCtxView<'_>, done: Result<T, FsError>) -> Answer<T> {
    match done {
        Ok(done) => Ok((Ok(done),)),
        Err(error) => Ok((Err(Files::convert_error_code(files, error)?),)),
    }
}

/// The reserve of the disk that something open is on.
fn reserve_of(guest: &mut Guest, open: &Resource<Descriptor>) -> wasmtime::Result<Reserve> {
    let reserve = guest.reserve.clone();
    Ok(match guest.filesystem().table.get(open)? {
        Descriptor::File(file) => reserve.of(&file.file),
        Descriptor::Dir(dir) => reserve.of(&dir.dir),
    })
}

/// Whether the disk has room; a refusal is logged.
fn has_room(guest: &Guest, admitted: Result<(), Refusal>) -> bool {
    if let Err(refusal) = &admitted {
        guest.log.refused(refusal);
    }
    admitted.is_ok()
}

/// Whether a directory may get another name.
pub(super) fn may_add_a_name(guest: &mut Guest, folder: &Resource<Descriptor>) -> wasmtime::Result<bool> {
    let admitted = reserve_of(guest, folder)?.admit_name();
    Ok(has_room(guest, admitted))
}

async fn write(
    mut store: StoreContextMut<'_, Guest>,
    (file, bytes, at): (Resource<Descriptor>, Vec<u8>, Filesize),
) -> Answer<Filesize> {
    let guest = store.data_mut();
    let admitted = reserve_of(guest, &file)?.admit(bytes.len() as u64);
    if !has_room(guest, admitted) {
        return Ok((Err(FileError::InsufficientSpace),));
    }
    let mut files = guest.filesystem();
    let written = files.write(file, bytes, at).await;
    answer(&mut files, written)
}

fn write_via_stream(
    mut store: StoreContextMut<'_, Guest>,
    (file, at): (Resource<Descriptor>, Filesize),
) -> Answer<Resource<DynOutputStream>> {
    let guest = store.data_mut();
    let reserve = reserve_of(guest, &file)?;
    let opened = guest.filesystem().write_via_stream(file, at);
    held_to(guest, reserve, opened)
}

fn append_via_stream(
    mut store: StoreContextMut<'_, Guest>,
    (file,): (Resource<Descriptor>,),
) -> Answer<Resource<DynOutputStream>> {
    let guest = store.data_mut();
    let reserve = reserve_of(guest, &file)?;
    let opened = guest.filesystem().append_via_stream(file);
    held_to(guest, reserve, opened)
}

/// The stream, with a look at the reserve before each write.
fn held_to(
    guest: &mut Guest,
    reserve: Reserve,
    opened: Result<Resource<DynOutputStream>, FsError>,
) -> Answer<Resource<DynOutputStream>> {
    let log = guest.log.clone();
    let mut files = guest.filesystem();
    let stream = match answer(&mut files, opened)? {
        (Ok(stream),) => files.table.delete(stream)?,
        (Err(error),) => return Ok((Err(error),)),
    };
    let stream: DynOutputStream = Box::new(ReservedStream { stream, reserve, log });
    Ok((Ok(files.table.push(stream)?),))
}

async fn create_directory_at(
    mut store: StoreContextMut<'_, Guest>,
    (folder, path): (Resource<Descriptor>, String),
) -> Answer<()> {
    let guest = store.data_mut();
    if !may_add_a_name(guest, &folder)? {
        return Ok((Err(FileError::InsufficientSpace),));
    }
    let mut files = guest.filesystem();
    let made = files.create_directory_at(folder, path).await;
    answer(&mut files, made)
}

async fn symlink_at(
    mut store: StoreContextMut<'_, Guest>,
    (folder, target, path): (Resource<Descriptor>, String, String),
) -> Answer<()> {
    let guest = store.data_mut();
    if !may_add_a_name(guest, &folder)? {
        return Ok((Err(FileError::InsufficientSpace),));
    }
    let mut files = guest.filesystem();
    let made = files.symlink_at(folder, target, path).await;
    answer(&mut files, made)
}

/// A stream into a file.
struct ReservedStream {
    stream: DynOutputStream,
    reserve: Reserve,
    log: GuestLog,
}

impl ReservedStream {
    fn admit(&self, bytes: &Bytes) -> StreamResult<()> {
        self.reserve.admit(bytes.len() as u64).map_err(|refusal| {
            self.log.refused(&refusal);
            StreamError::LastOperationFailed(full().into())
        })
    }
}

/// As the system says it: guests know it by its number.
#[cfg(unix)]
fn full() -> io::Error {
    rustix::io::Errno::NOSPC.into()
}

#[cfg(not(unix))]
fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

#[async_trait]
impl Pollable for ReservedStream {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

#[async_trait]
impl OutputStream for ReservedStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.admit(&bytes)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.admit(&bytes)?;
        self.stream.blocking_write_and_flush(bytes).await
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}
