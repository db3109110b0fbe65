//! Looks for what nobody granted, and makes noise.

use std::fmt::{Debug, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::{env, fs, io};

use mirrorbox_adapter::log;

/// The environment and the arguments.
pub(crate) fn environment() -> String {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let variables: Vec<_> = env::vars_os().collect();
    format!("arguments: {arguments:?}; variables: {variables:?}")
}

/// What is in folders that may or may not be there, a line each.
pub(crate) fn files() -> String {
    let mut report = String::new();
    for folder in ["/", ".", "..", "/etc", "/data", "/data/.."] {
        tell(&mut report, folder, names(folder));
    }
    report
}

fn names(folder: &str) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?;
    names
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// How far it comes with TCP, UDP and a name, a line each.
pub(crate) fn network() -> String {
    let mut report = String::new();
    tell(&mut report, "tcp", TcpStream::connect(("127.0.0.1", 9)));
    tell(&mut report, "udp", UdpSocket::bind(("127.0.0.1", 0)));
    let addresses = ("localhost", 9).to_socket_addrs();
    tell(&mut report, "name", addresses.map(Vec::from_iter));
    report
}

fn tell<T: Debug>(report: &mut String, what: &str, found: io::Result<T>) {
    let _ = match found {
        Ok(found) => writeln!(report, "{what}: got {found:?}"),
        Err(error) => writeln!(report, "{what}: refused, {error}"),
    };
}

/// Writes to stdout for ever.
pub(crate) fn flood() -> ! {
    loop {
        println!("{}", "noise ".repeat(10_000));
    }
}

/// Logs for ever.
pub(crate) fn log_flood() -> ! {
    loop {
        log::error("noise", "noise ".repeat(10_000));
    }
}
