//! What went wrong between here and the server, and what it means to the host.

use std::io;

use mirrorbox_adapter::Error;
use redis::RedisError;

use crate::settings::Node;

/// A command that was not done, on one node.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection, or it broke: nobody knows whether the server has done the command.
    Lost(Node, io::Error),
    /// The server said no.
    Refused(Node, RedisError),
}

impl Failure {
    /// The server's word for it (`NOSCRIPT`, `MOVED`), if it said one.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Lost(..) => "",
            Self::Refused(_, error) => error.code().unwrap_or_default(),
        }
    }

    /// What the server said besides its word; of a redirection, the slot and the node.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Lost(..) => "",
            Self::Refused(_, error) => error.detail().unwrap_or_default(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let said = one_line(&format!("{} {}", failure.code(), failure.detail()));
        match &failure {
            Failure::Lost(node, error) => lost(node, error),
            Failure::Refused(node, _) => refused(node, failure.code(), &said),
        }
    }
}

fn lost(node: &Node, error: &io::Error) -> Error {
    let text = |hint: &str| format!("Redis at {node} (setting `url`) cannot be reached: {error}{hint}");
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::Denied(text("; grant it in the manifest (`network` under [grants])")),
        // A certificate that is not trusted, or no TLS on the other side.
        io::ErrorKind::InvalidData => Error::Misconfigured(text(
            "; is it a TLS port (rediss://), and does `ca` hold the authority that signed for this name?",
        )),
        // What a read that took too long is called differs between systems.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Error::Unavailable(text("; it keeps silent: is it a TLS port (rediss://)?"))
        }
        _ => Error::Unavailable(text("")),
    }
}

fn refused(node: &Node, code: &str, said: &str) -> Error {
    let text = |hint: &str| format!("Redis at {node} says {said}; {hint}");
    match code {
        "NOAUTH" => Error::Denied(text("set `password` (and `username`)")),
        "WRONGPASS" => Error::Denied(text("see the settings `username` and `password`")),
        "NOPERM" => Error::Denied(text(
            "give the user of setting `username` the commands and keys that are documented",
        )),
        "OOM" => Error::Unavailable(text("give the server more memory (maxmemory)")),
        "READONLY" => Error::Unavailable(text("setting `url` must lead to the primary, not to a replica")),
        "MISCONF" => Error::Unavailable(text("the server cannot write to its disk")),
        "NOREPLICAS" => Error::Unavailable(text("the server waits for its replicas")),
        "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN" | "CLUSTERDOWN" | "UNKILLABLE" => {
            Error::Unavailable(text("it should pass"))
        }
        "MOVED" | "ASK" => Error::Misconfigured(text("it is a cluster: set `cluster` to true and grant every node")),
        "CROSSSLOT" => Error::Misconfigured(text("a proxy in front of a cluster must keep hash tags together")),
        "WRONGTYPE" => Error::Misconfigured(text("something else uses these keys: choose another `prefix`")),
        "NOPROTO" => Error::Misconfigured(text("setting `url` must lead to Redis 6.2 or later")),
        _ => classified_by_text(node, said),
    }
}

/// Older refusals all begin with `ERR`, and a script's may be wrapped in one.
fn classified_by_text(node: &Node, said: &str) -> Error {
    let text = |hint: &str| format!("Redis at {node} says {said}; {hint}");
    if said.contains("invalid password") || said.contains("without any password") {
        Error::Denied(text("see the settings `username` and `password`"))
    } else if said.contains("DB index") {
        Error::Misconfigured(text("see the setting `database`, or the end of `url`"))
    } else if said.contains("max number of clients") {
        Error::Unavailable(text("raise maxclients there, or use fewer `instances` here"))
    } else if said.contains("unknown command") {
        Error::Misconfigured(text(
            "the server lacks a command: Redis 6.2 or later is needed, with scripts enabled",
        ))
    } else if said.contains("bulk length") {
        Error::Rejected(text("raise proto-max-bulk-len there"))
    } else {
        Error::Other(format!("Redis at {node} says {said}"))
    }
}

/// What the server said fits on one line of a log.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
