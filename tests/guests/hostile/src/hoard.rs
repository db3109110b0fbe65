//! Takes from the host what costs a guest nothing.

use std::mem;

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, FutureIncomingResponse, OutgoingRequest, Scheme};
use wasip2::io::poll::Pollable;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// More than any table holds.
const WITHOUT_END: u64 = 10_000_000;

pub(crate) fn headers() -> String {
    let fields = Fields::new();
    for number in 0..40_000 {
        if let Err(error) = fields.append(&format!("x-{number}"), b"value") {
            return format!("headers: refused at {number}, {error:?}");
        }
    }
    "headers: got 40000".to_owned()
}

pub(crate) fn header_list() -> String {
    let list: Vec<_> = (0..1_000_000).map(|_| ("x".to_owned(), b"v".to_vec())).collect();
    match Fields::from_list(&list) {
        Ok(_) => "header list: got it".to_owned(),
        Err(error) => format!("header list: refused, {error:?}"),
    }
}

pub(crate) fn poll() -> String {
    let pollable = subscribe_duration(0);
    let list: Vec<&Pollable> = vec![&pollable; 10_000_000];
    format!("poll: got {} events", wasip2::io::poll::poll(&list).len())
}

pub(crate) fn sockets() -> String {
    for number in 0..WITHOUT_END {
        match create_tcp_socket(IpAddressFamily::Ipv4) {
            Ok(socket) => mem::forget(socket),
            Err(error) => return format!("sockets: refused at {number}, {error:?}"),
        }
    }
    "sockets: got them all".to_owned()
}

pub(crate) fn descriptors() -> String {
    let Some((folder, _)) = preopens::get_directories().into_iter().next() else {
        return "descriptors: refused, no folder".to_owned();
    };
    for number in 0..WITHOUT_END {
        match folder.open_at(PathFlags::empty(), ".", OpenFlags::DIRECTORY, DescriptorFlags::READ) {
            Ok(descriptor) => mem::forget(descriptor),
            Err(error) => return format!("descriptors: refused at {number}, {error:?}"),
        }
    }
    "descriptors: got them all".to_owned()
}

pub(crate) fn messages() -> String {
    for _ in 0..WITHOUT_END {
        mem::forget(OutgoingRequest::new(Fields::new()));
    }
    "messages: got them all".to_owned()
}

/// As many names as fit into an instance's table, with room for what asking takes.
const NAMES: usize = 300;
/// Until all of them are being looked up, and the others have been asked for something meanwhile.
const WHILE: u64 = 1_000_000_000;

pub(crate) fn lookups() -> String {
    let asked: Result<Vec<_>, _> = (0..NAMES).map(ask).collect();
    match asked {
        Ok(asked) => {
            subscribe_duration(WHILE).block();
            let answered = asked.iter().filter(|answer| answer.get().is_some()).count();
            format!("lookups: {answered} of {} were answered", asked.len())
        }
        Err(error) => format!("lookups: refused, {error}"),
    }
}

fn ask(number: usize) -> Result<FutureIncomingResponse, String> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "no such scheme")?;
    let host = format!("{number}.nobody.example");
    request.set_authority(Some(&host)).map_err(|()| "no such host")?;
    request.set_path_with_query(Some("/")).map_err(|()| "no such path")?;
    outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))
}
