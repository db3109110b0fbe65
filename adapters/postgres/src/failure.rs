//! What went wrong between here and the server, and what it means to the host.

use std::error::Error as _;
use std::io;

use mirrorbox_adapter::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::settings::Options;

/// Something that was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection could be made.
    Connect(io::Error),
    /// The client or the server says why.
    Postgres(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl Failure {
    /// Whether the connection is of no more use. Nobody knows then whether the server has done its work.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Postgres(error) => error.as_db_error().is_none_or(|said| {
                let code = said.code().code();
                code.starts_with("08")
                    || code.starts_with("57P0")
                    || *said.code() == SqlState::READ_ONLY_SQL_TRANSACTION
            }),
        }
    }

    /// Whether the server undid the work because of another's, and asks for it again.
    pub(crate) fn is_collision(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        matches!(
            error.code(),
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
        )
    }

    /// In the contract's words.
    pub(crate) fn into_error(self, options: &Options) -> Error {
        let server = format!("PostgreSQL at {}:{}", options.host, options.port);
        match self {
            Self::Connect(error) => unreachable_server(&server, &error),
            Self::Postgres(error) => match error.as_db_error() {
                Some(said) => refused(&server, said),
                None => broken(&server, &error),
            },
        }
    }
}

fn unreachable_server(server: &str, error: &io::Error) -> Error {
    let text = |hint: &str| format!("{server} (setting `url`) cannot be reached: {error}{hint}");
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::Denied(text("; grant it in the manifest (`network` under [grants])")),
        _ => Error::Unavailable(text("")),
    }
}

/// The client gave up: the connection broke, TLS failed, or something is missing.
fn broken(server: &str, error: &tokio_postgres::Error) -> Error {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    let text = one_line(&format!(
        "{error}{}",
        if error.to_string().contains(&source) {
            ""
        } else {
            &source
        }
    ));
    let is_tls = text.contains("TLS") || text.contains("certificate");
    if text.contains("password missing") {
        Error::Denied(format!("{server} asks for a password: set `password`"))
    } else if is_tls {
        Error::Misconfigured(format!(
            "{server} and TLS: {text}; see the settings `sslmode` and `ca`, and the host's name in `url`"
        ))
    } else {
        Error::Unavailable(format!("{server} (setting `url`): {text}"))
    }
}

fn refused(server: &str, said: &DbError) -> Error {
    let code = said.code().code();
    let text = |hint: &str| one_line(&format!("{server} says {} ({code}); {hint}", said.message()));
    match code {
        "28P01" | "28000" => Error::Denied(text("see the user in `url`, and `password`")),
        "42501" => Error::Denied(text(
            "the user in `url` must own the schema of setting `schema`, or may create it",
        )),
        "25006" => Error::Unavailable(text("setting `url` must lead to the primary")),
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
            "08" | "40" | "53" | "55" | "57" | "58" => Error::Unavailable(text("it should pass")),
            _ => Error::Other(text("this was not expected")),
        },
    }
}

/// What the server said fits on one line of a log.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
