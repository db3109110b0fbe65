//! What went wrong between here and the server, and what it means to the host.

use std::io;

use mirrorbox_adapter::Error;
use mirrorbox_adapter::sockets::of_several;
use redis::RedisError;

use crate::settings::Node;

/// A command that was not done, on one node or on each.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection, or it broke: nobody knows whether the server has done the command.
    Lost(Node, io::Error),
    /// The server said no.
    Refused(Node, Said),
    /// The server did not let us in; what to look at.
    Login(Node, Said, &'static str),
    /// The server follows another, and may lack what was stored.
    Replica(Node),
    /// A Sentinel that knows no such master.
    NoMaster(Node),
    /// None of the nodes that the URL names would do: one for each.
    Several(Vec<Failure>),
}

/// What a server said instead of an answer.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its word for it (`NOSCRIPT`, `MOVED`).
    code: String,
    /// What it said besides; of a redirection, the slot and the node.
    detail: String,
}

impl From<RedisError> for Said {
    /// Before 7.0, what fails within a script is wrapped: `ERR Error running script (…): @user_script:31: -READONLY
    /// You…`.
    fn from(error: RedisError) -> Self {
        let (code, detail) = (error.code().unwrap_or_default(), error.detail().unwrap_or_default());
        let inner = match code == "ERR" && detail.starts_with("Error running script") {
            true => detail.rsplit_once(": -").and_then(|(_, inner)| inner.split_once(' ')),
            false => None,
        };
        let is_code = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
        let (code, detail) = inner.filter(|(word, _)| is_code(word)).unwrap_or((code, detail));
        Self {
            code: code.to_owned(),
            detail: detail.to_owned(),
        }
    }
}

impl Failure {
    /// Of all nodes that were tried.
    pub(crate) fn several(mut failures: Vec<Failure>) -> Self {
        match failures.len() {
            1 => failures.remove(0),
            _ => Self::Several(failures),
        }
    }

    /// The server's word for it (`NOSCRIPT`, `MOVED`), if it said one.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused(_, said) | Self::Login(_, said, _) => &said.code,
            _ => "",
        }
    }

    /// What the server said besides its word; of a redirection, the slot and the node.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Refused(_, said) | Self::Login(_, said, _) => &said.detail,
            _ => "",
        }
    }

    /// Whether the server does not let us do this, whatever state it is in: providers take commands away.
    pub(crate) fn is_forbidden(&self) -> bool {
        let lacks = self.code() == "ERR" && self.detail().to_ascii_lowercase().starts_with("unknown ");
        lacks || self.code() == "NOPERM"
    }

    /// Whether another server may be the primary by now.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Lost(..) | Self::Replica(_)) || self.code() == "READONLY"
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let said = one_line(&format!("{} {}", failure.code(), failure.detail()));
        match failure {
            Failure::Lost(node, error) => lost(&node, &error),
            Failure::Refused(node, Said { code, .. }) => refused(&node, &code, &said),
            Failure::Login(node, Said { code, .. }, hint) => match code.as_str() {
                "WRONGPASS" | "NOAUTH" => Error::Denied(format!("Redis at {node} says {said}; {hint}")),
                code => refused(&node, code, &said),
            },
            Failure::Replica(node) => Error::Unavailable(format!(
                "Redis at {node} is a replica, which may lack what was stored: setting `url` must lead to the primary, or \
                 to all of them (redis://HOST1,HOST2), or to Sentinels (redis+sentinel://HOST:PORT/MASTER)"
            )),
            Failure::NoMaster(node) => Error::Misconfigured(format!(
                "the Sentinel at {node} knows no master of the name that `url` says: `redis-cli -h HOST -p PORT SENTINEL \
                 masters` lists them"
            )),
            Failure::Several(failures) => of_several(failures.into_iter().map(Error::from).collect()),
        }
    }
}

fn lost(node: &Node, error: &io::Error) -> Error {
    let text = |hint: &str| format!("Redis at {node} (setting `url`) cannot be reached: {error}{hint}");
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::Denied(text("; grant it in the manifest (`network` under [grants])")),
        // Only TLS ends like that, which says why.
        io::ErrorKind::InvalidData => Error::Misconfigured(text(&format!(
            ". To look at it: openssl s_client -connect {node} </dev/null"
        ))),
        // What a read that took too long is called differs between systems.
        io::ErrorKind::WouldBlock => Error::Unavailable(text("; it keeps silent: is it a TLS port (rediss://)?")),
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
        "IDONTKNOW" => Error::Unavailable(text("the Sentinel has not met its master yet")),
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
    } else if said.contains("can't run this command") || said.contains("can't access at least one of the keys") {
        Error::Denied(text(
            "give the user of setting `username` the commands and keys that are documented",
        ))
    } else if said.contains("DB index") {
        Error::Misconfigured(text("see the setting `database`, or the end of `url`"))
    } else if said.contains("max number of clients") {
        Error::Unavailable(text("raise maxclients there, or use fewer `instances` here"))
    } else if said.to_ascii_lowercase().contains("unknown command") {
        Error::Misconfigured(text(
            "the server lacks a command, or it was renamed: Redis 6.2 or later is needed, with scripts enabled",
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

#[cfg(test)]
mod tests {
    use redis::{Value, parse_redis_value};

    use super::*;

    fn said(line: &str) -> Failure {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let error = Value::extract_error(value).unwrap_err();
        let node = Node {
            host: "h".into(),
            port: 1,
        };
        Failure::Refused(node, error.into())
    }

    #[test]
    fn what_a_script_wraps_is_taken_for_what_it_is() {
        let wrapped = |inner: &str| {
            said(&format!(
                "ERR Error running script (call to f_a5f2): @user_script:31: @user_script: 31: {inner}"
            ))
        };
        let readonly = wrapped("-READONLY You can't write against a read only replica.");
        assert_eq!(readonly.code(), "READONLY");
        assert!(readonly.is_elsewhere());
        let full = Error::from(wrapped("-OOM command not allowed when used memory > 'maxmemory'."));
        assert!(
            matches!(&full, Error::Unavailable(text) if text.contains("more memory")),
            "{full}"
        );
        let other = wrapped("Wrong number of args calling Redis command From Lua script");
        assert_eq!(other.code(), "ERR");
        let denied = wrapped("The user executing the script can't run this command or subcommand");
        assert!(matches!(Error::from(denied), Error::Denied(_)));
    }

    #[test]
    fn a_command_that_was_taken_away_is_told_from_other_refusals() {
        for line in [
            "NOPERM this user has no permissions to run the 'info' command",
            "ERR unknown command 'INFO', with args beginning with: ",
            "ERR unknown command `CONFIG`",
            "ERR unknown subcommand 'SLOTS'. Try CLUSTER HELP.",
        ] {
            assert!(said(line).is_forbidden(), "{line}");
        }
        for line in [
            "ERR syntax error",
            "LOADING Redis is loading",
            "NOAUTH Authentication required.",
        ] {
            assert!(!said(line).is_forbidden(), "{line}");
        }
    }
}
