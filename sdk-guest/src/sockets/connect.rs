use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::Address;

/// How long each address of a name may take, a round after the other. A component has one thread, so it cannot wait for
/// several addresses at once as RFC 8305 does; it takes that document's quarter of a second for each instead. An
/// address that is slower is tried again with more time.
const ROUNDS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// Connects to the first address of a name that answers, within about this time.
///
/// A name that leads to no address is [`ErrorKind::NotFound`], and [`ErrorKind::PermissionDenied`] where no grant
/// covers it; [`ErrorKind::TimedOut`] says that nothing answered at all; other errors are those of the last address
/// that answered.
pub fn connect(address: &Address, patience: Duration) -> io::Result<TcpStream> {
    let found = (address.host.as_str(), address.port).to_socket_addrs();
    connect_to(found.map_err(not_found)?.collect(), patience)
}

fn not_found(error: io::Error) -> io::Error {
    // The host refuses a lookup that no grant covers: only another manifest helps, no other try.
    if error.kind() == ErrorKind::PermissionDenied {
        return io::Error::new(ErrorKind::PermissionDenied, "no grant covers this name");
    }
    let text = format!(
        "the name leads to no address that may be reached ({error}): is it right, and granted in the manifest \
         (`network` under [grants])? One that leads into a private network needs `private = true` there"
    );
    io::Error::new(ErrorKind::NotFound, text)
}

fn connect_to(mut left: Vec<SocketAddr>, patience: Duration) -> io::Result<TcpStream> {
    let until = Instant::now() + patience;
    let mut answer = None;
    let rounds = if left.len() > 1 { &ROUNDS[..] } else { &[] };
    for round in rounds.iter().copied().chain([patience]) {
        let mut silent = Vec::new();
        let count = left.len();
        for (at, address) in left.into_iter().enumerate() {
            let rest = until.saturating_duration_since(Instant::now());
            // In the last round, those that are still to come get their share.
            let share = rest / u32::try_from(count - at).unwrap_or(u32::MAX);
            match connect_one(&address, round.min(share).max(Duration::from_millis(1))) {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => silent.push(address),
                Err(error) => answer = Some(error),
            }
        }
        left = silent;
    }
    Err(answer.unwrap_or_else(|| {
        let seconds = patience.as_secs_f32();
        io::Error::new(
            ErrorKind::TimedOut,
            format!("no answer within {seconds} s; does a firewall drop the packets?"),
        )
    }))
}

/// In a component, a connection that was refused looks like one that was made until it is asked for its other end.
fn connect_one(address: &SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, patience)?;
    let refused = |error| {
        io::Error::new(
            ErrorKind::ConnectionRefused,
            format!("the connection was refused ({error})"),
        )
    };
    stream.peer_addr().map_err(refused)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Kept for documentation (RFC 5737): nobody answers there, or the network refuses it.
    const NOBODY: &str = "192.0.2.1:9";

    #[test]
    fn an_address_that_answers_is_found_behind_one_that_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dead = [NOBODY, NOBODY].map(|address| address.parse().unwrap());
        let there = listener.local_addr().unwrap();
        let addresses = dead.into_iter().chain([there]).collect();
        let stream = connect_to(addresses, Duration::from_secs(30)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
    }

    #[test]
    fn a_refusal_says_more_than_silence() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let addresses = vec![closed, NOBODY.parse().unwrap()];
        let error = connect_to(addresses, Duration::from_secs(1)).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::TimedOut, "{error}");
    }

    #[test]
    fn a_name_that_leads_nowhere_is_told() {
        let nowhere = Address {
            host: "no-such-host.invalid".into(),
            port: 1,
        };
        let error = connect(&nowhere, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("`private = true`"), "{error}");
    }
}
