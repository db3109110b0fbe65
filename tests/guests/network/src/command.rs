use std::str::FromStr;
use std::time::Duration;

use crate::http::{self, Request};
use crate::sockets::Sockets;

/// The order of the test to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `tcp HOST:PORT`: connects, and keeps the connection. Tells `connected`.
    Tcp(String),
    /// `say WORD`: sends a line over the kept connection. Tells the line that comes back.
    Say(String),
    /// `lookup NAME`: tells the addresses.
    Lookup(String),
    /// `udp HOST:PORT`: sends a datagram. Tells `sent`.
    Udp(String),
    /// `listen`: opens a port. Tells where.
    Listen,
    /// `METHOD URL [body=BYTES] [times=N] [connect=MS] [first=MS] [between=MS]`: makes so many requests, one after the
    /// other. Tells `STATUS BYTES` of the last response.
    Request(Request),
}

impl FromStr for Command {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let mut next = || words.next().map(str::to_owned).ok_or("a word is missing".to_owned());
        Ok(match next()?.as_str() {
            "tcp" => Self::Tcp(next()?),
            "say" => Self::Say(next()?),
            "lookup" => Self::Lookup(next()?),
            "udp" => Self::Udp(next()?),
            "listen" => Self::Listen,
            method => {
                let mut request = Request::new(method, &next()?);
                for option in words {
                    set(&mut request, option)?;
                }
                Self::Request(request)
            }
        })
    }
}

fn set(request: &mut Request, option: &str) -> Result<(), String> {
    let unknown = || format!("{option} is no option");
    let (name, value) = option.split_once('=').ok_or_else(unknown)?;
    let value: u64 = value.parse().map_err(|_| unknown())?;
    let millis = Some(Duration::from_millis(value));
    match name {
        "body" => request.body = value,
        "times" => request.times = value,
        "connect" => request.connect = millis,
        "first" => request.first_byte = millis,
        "between" => request.between_bytes = millis,
        _ => return Err(unknown()),
    }
    Ok(())
}

impl Command {
    /// What came of it.
    pub(crate) fn run(&self, sockets: &mut Sockets) -> Result<String, String> {
        let told = match self {
            Self::Tcp(address) => sockets.connect(address),
            Self::Say(word) => sockets.say(word),
            Self::Lookup(name) => Sockets::lookup(name),
            Self::Udp(address) => Sockets::send_datagram(address),
            Self::Listen => Sockets::listen(),
            Self::Request(request) => return http::send(request),
        };
        told.map_err(|error| format!("{:?}, {error}", error.kind()))
    }
}
