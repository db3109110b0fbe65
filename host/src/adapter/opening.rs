//! What a guest opens: files and sockets, each counted, and no file that blocks.
//!
//! These functions stand before those that wasmtime links.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode as FileError, Host as Files, HostDescriptor, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode as SocketError, Host as Sockets, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{TcpSocket, UdpSocket};

use super::guest::Guest;
use super::writing::{self, FILES};
use crate::config::network::Refusal;

/// The interfaces in the version that wasmtime links; guests of other versions within 0.2 get these.
const TCP: &str = "wasi:sockets/tcp-create-socket@0.2.12";
const UDP: &str = "wasi:sockets/udp-create-socket@0.2.12";

/// Links what is opened under the budget.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut files = linker.instance(FILES)?;
    files.func_wrap_async("[method]descriptor.open-at", |store, arguments| {
        Box::new(open_at(store, arguments))
    })?;
    linker
        .instance(TCP)?
        .func_wrap("create-tcp-socket", create_tcp_socket)?;
    let mut sockets = linker.instance(UDP)?;
    sockets.func_wrap_async("create-udp-socket", |store, arguments| {
        Box::new(create_udp_socket(store, arguments))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Whether the guest may open one more; a refusal is logged.
fn may_open(guest: &mut Guest) -> bool {
    let (opened, table) = guest.opened();
    match opened.one_more(table) {
        Ok(()) => true,
        Err(refusal) => {
            guest.log.refused(&refusal);
            false
        }
    }
}

type OpenAt = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

/// Opens what is a file or a directory, or not there yet. Anything else, a fifo say, would hold the thread until
/// another process opens its other end.
async fn open_at(
    mut store: StoreContextMut<'_, Guest>,
    (folder, follow, path, how, flags): OpenAt,
) -> wasmtime::Result<(Result<Resource<Descriptor>, FileError>,)> {
    let guest = store.data_mut();
    if !may_open(guest) {
        return Ok((Err(FileError::Quota),));
    }
    if how.contains(OpenFlags::CREATE) && !writing::may_add_a_name(guest, &folder)? {
        return Ok((Err(FileError::InsufficientSpace),));
    }
    let mut files = guest.filesystem();
    let there = files
        .stat_at(Resource::new_borrow(folder.rep()), follow, path.clone())
        .await;
    // What cannot be looked at may be created, or opening it says what is wrong.
    if there.is_ok_and(|there| blocks(there.type_)) {
        let refusal = Refusal {
            what: format!("opening {path}, which is neither a file nor a directory"),
            remedy: "take it out of the granted directory".to_owned(),
        };
        guest.log.refused(&refusal);
        return Ok((Err(FileError::NotPermitted),));
    }
    match files.open_at(folder, follow, path, how, flags).await {
        Ok(opened) => Ok((Ok(opened),)),
        Err(error) => Ok((Err(Files::convert_error_code(&mut files, error)?),)),
    }
}

fn blocks(kind: DescriptorType) -> bool {
    !matches!(
        kind,
        DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink
    )
}

fn create_tcp_socket(
    mut store: StoreContextMut<'_, Guest>,
    (family,): (IpAddressFamily,),
) -> wasmtime::Result<(Result<Resource<TcpSocket>, SocketError>,)> {
    let guest = store.data_mut();
    if !may_open(guest) {
        return Ok((Err(SocketError::NewSocketLimit),));
    }
    let mut sockets = guest.lookups().sockets;
    match tcp_create_socket::Host::create_tcp_socket(&mut sockets, family) {
        Ok(socket) => Ok((Ok(socket),)),
        Err(error) => Ok((Err(Sockets::convert_error_code(&mut sockets, error)?),)),
    }
}

async fn create_udp_socket(
    mut store: StoreContextMut<'_, Guest>,
    (family,): (IpAddressFamily,),
) -> wasmtime::Result<(Result<Resource<UdpSocket>, SocketError>,)> {
    let guest = store.data_mut();
    if !may_open(guest) {
        return Ok((Err(SocketError::NewSocketLimit),));
    }
    let mut sockets = guest.lookups().sockets;
    match udp_create_socket::Host::create_udp_socket(&mut sockets, family).await {
        Ok(socket) => Ok((Ok(socket),)),
        Err(error) => Ok((Err(Sockets::convert_error_code(&mut sockets, error)?),)),
    }
}
