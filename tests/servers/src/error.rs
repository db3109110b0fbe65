use std::io;

/// Why a test server is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Its program is missing.
    #[error("`{program}` is not installed; `cargo xtask setup` installs it")]
    NotInstalled {
        /// The program.
        program: &'static str,
    },
    /// The program ended, or was not ready in time.
    #[error("`{program}` {what}; the end of what it printed:\n{log}")]
    NotReady {
        /// The program.
        program: String,
        /// What it did instead.
        what: String,
        /// The end of what it printed.
        log: String,
    },
    /// A program that prepares or asks a server failed.
    #[error("`{program}` failed: {complaint}")]
    Failed {
        /// The program.
        program: String,
        /// What it complained of.
        complaint: String,
    },
    /// Certificates could not be made.
    #[error("cannot make certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// The operating system refused something.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it did not work.
        source: io::Error,
    },
}

impl ServerError {
    /// For `map_err`: what was tried when the operating system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A server, or none where its program is not installed: the test that wants it says so and is passed over, since not
/// every machine can install everything.
pub fn if_installed<T>(started: Result<T, ServerError>) -> Result<Option<T>, ServerError> {
    match started {
        Ok(server) => Ok(Some(server)),
        Err(error @ ServerError::NotInstalled { .. }) => {
            eprintln!("passed over: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
