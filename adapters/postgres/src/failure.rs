//! What went wrong between here and the server, and what it means to the host.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use mirrorbox_adapter::Error;
use mirrorbox_adapter::sockets::{Address, of_several};
use tokio_postgres::error::{DbError, SqlState};

use crate::check::READ_ONLY;

/// Something that was not done, on one server or on each.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection could be made.
    Connect(Address, io::Error),
    /// The client or the server says why.
    Postgres(Address, tokio_postgres::Error),
    /// The server follows another, and may lack what was stored.
    Standby(Address),
    /// The server is a primary that does not let this role write.
    ReadOnly(Address),
    /// None of the servers that the URL names would do: one for each.
    Several(Vec<Failure>),
}

impl Failure {
    /// Of all servers that were tried.
    pub(crate) fn several(mut failures: Vec<Failure>) -> Self {
        match failures.len() {
            1 => failures.remove(0),
            _ => Self::Several(failures),
        }
    }

    /// Whether the connection is of no more use. Nobody knows then whether the server has done its work.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Connect(..) | Self::Standby(_) | Self::ReadOnly(_) | Self::Several(_) => true,
            Self::Postgres(_, error) => error.as_db_error().is_none_or(|said| {
                let code = said.code().code();
                code.starts_with("08") || code.starts_with("57P0") || code.starts_with("25P0")
            }),
        }
    }

    /// Whether the server took the transaction for a reading one.
    pub(crate) fn is_read_only(&self) -> bool {
        let Self::Postgres(_, error) = self else { return false };
        error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Whether the server undid the work because of another's, and asks for it again.
    pub(crate) fn is_collision(&self) -> bool {
        let Self::Postgres(_, error) = self else { return false };
        matches!(
            error.code(),
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
        )
    }

    /// In the contract's words.
    pub(crate) fn into_error(self) -> Error {
        let server = |address: &Address| format!("PostgreSQL at {address}");
        match self {
            Self::Connect(address, error) => unreachable_server(&server(&address), &error),
            Self::Postgres(address, error) => match error.as_db_error() {
                Some(said) => refused(&server(&address), said),
                None => broken(&address, &error),
            },
            Self::Standby(address) => Error::Unavailable(format!(
                "{} is a standby, which may lack what was stored: setting `url` must lead to the primary, or name all \
                 hosts (postgres://USER@HOST1,HOST2/DATABASE)",
                server(&address)
            )),
            Self::ReadOnly(address) => Error::Unavailable(format!(
                "{} is the primary, but read-only: {READ_ONLY}",
                server(&address)
            )),
            Self::Several(failures) => of_several(failures.into_iter().map(Self::into_error).collect()),
        }
    }
}

fn unreachable_server(server: &str, error: &io::Error) -> Error {
    let text = |hint: &str| format!("{server} (setting `url`) cannot be reached: {error}{hint}");
    match error.kind() {
        ErrorKind::PermissionDenied => Error::Denied(text("; grant it in the manifest (`network` under [grants])")),
        _ => Error::Unavailable(text("")),
    }
}

/// The client gave up: the connection broke, TLS failed, or something is missing.
fn broken(address: &Address, error: &tokio_postgres::Error) -> Error {
    let server = format!("PostgreSQL at {address}");
    let source = error.source();
    if let Some(tls) = source.and_then(|source| source.downcast_ref::<io::Error>())
        && tls.kind() == ErrorKind::InvalidData
    {
        return Error::Misconfigured(format!(
            "{server} and TLS: {tls}. To look at it: openssl s_client -starttls postgres -connect {address} </dev/null"
        ));
    }
    let text = one_line(&match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    });
    if text.contains("password missing") {
        Error::Denied(format!("{server} asks for a password: set `password`"))
    } else if text.contains("does not support TLS") {
        Error::Misconfigured(format!(
            "{server} and TLS: {text}; where the way to it is trusted, set `sslmode` to `disable`"
        ))
    } else if text.contains("channel binding") {
        Error::Misconfigured(format!(
            "{server} (setting `url`): {text}; `channel_binding=require` needs TLS up to the server itself, and SCRAM"
        ))
    } else if text.starts_with("authentication error") || text.contains("unsupported authentication") {
        Error::Denied(format!(
            "{server} (setting `url`): {text}; the user's password must be one of SCRAM or MD5"
        ))
    } else if text.contains("TLS") {
        Error::Misconfigured(format!("{server} and TLS: {text}; see the settings `sslmode` and `ca`"))
    } else {
        Error::Unavailable(format!("{server} (setting `url`): {text}"))
    }
}

fn refused(server: &str, said: &DbError) -> Error {
    let code = said.code().code();
    let text = |hint: &str| one_line(&format!("{server} says {} ({code}); {hint}", said.message()));
    match code {
        "28P01" => Error::Denied(text("see the user in `url`, and `password`")),
        "28000" => Error::Denied(text(
            "see the user in `url`, `password`, and what the server's pg_hba.conf asks of this host: TLS (`sslmode`), or \
             a client certificate (`cert` and `key`)",
        )),
        "42501" => Error::Denied(text(
            "the user in `url` must own the schema of setting `schema`, may create it, or has the grants that the \
             adapter's documentation lists",
        )),
        "08P01" => of_pooler(said, &text),
        "25P03" => Error::Unavailable(text("the transaction stood still for too long; it is tried again")),
        "3D000" => Error::Misconfigured(text("see the database at the end of `url`")),
        "3F000" => Error::Misconfigured(text("see the setting `schema`")),
        "53100" => Error::Unavailable(text("its disk is full")),
        "53300" => Error::Unavailable(text("raise max_connections there, or use fewer `instances` here")),
        "57014" => Error::Unavailable(text("see the setting `statement_timeout`")),
        "54000" => Error::Rejected(text("the batch is too large for it")),
        _ => match code.get(..2).unwrap_or_default() {
            "42" => Error::Misconfigured(text(
                "the tables are not those of setting `schema`; is something else there?",
            )),
            // What a retry could not change: text with U+0000, say.
            "22" => Error::Rejected(text("it cannot be stored")),
            "08" | "25" | "40" | "53" | "55" | "57" | "58" => Error::Unavailable(text("it should pass")),
            _ => Error::Other(text("this was not expected")),
        },
    }
}

/// PgBouncer has one code for whatever it refuses; it speaks English always.
fn of_pooler(said: &DbError, text: &impl Fn(&str) -> String) -> Error {
    let is_any = |words: &[&str]| words.iter().any(|word| said.message().contains(word));
    if is_any(&[
        "authentication failed",
        "no such user",
        "auth failed",
        "login rejected",
        "not allowed",
    ]) {
        Error::Denied(text(
            "see the user in `url`, and `password`: the pooler has its own list of them",
        ))
    } else if is_any(&["no such database"]) {
        Error::Misconfigured(text(
            "see the database at the end of `url`: the pooler has its own list of them",
        ))
    } else if is_any(&["unsupported startup parameter"]) {
        Error::Misconfigured(text(
            "leave that parameter out of `url`, or name it in the pooler's ignore_startup_parameters",
        ))
    } else if is_any(&["SSL required", "TLS required"]) {
        Error::Misconfigured(text("set `sslmode` to `verify-full`"))
    } else {
        Error::Unavailable(text("it should pass"))
    }
}

/// What the server said fits on one line of a log.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str) -> Address {
        Address {
            host: host.into(),
            port: 5432,
        }
    }

    #[test]
    fn of_several_servers_each_is_told_and_one_that_may_pass_decides() {
        let away = Failure::Connect(address("a"), ErrorKind::ConnectionRefused.into());
        let forbidden = || Failure::Connect(address("b"), ErrorKind::PermissionDenied.into());
        let error = Failure::several(vec![away, Failure::Standby(address("c"))]).into_error();
        let text = error.to_string();
        assert!(matches!(error, Error::Unavailable(_)), "{text}");
        assert!(
            text.contains("a:5432") && text.contains("c:5432 is a standby"),
            "{text}"
        );
        let denied = Failure::several(vec![forbidden(), forbidden()]).into_error();
        assert!(matches!(denied, Error::Denied(_)), "{denied}");
    }
}
