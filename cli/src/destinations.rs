mod agree;

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use mirrorbox::config::Config;
use mirrorbox::host::{self, Destination};
use mirrorbox::session::SessionError;
use mirrorbox::store::Store;

use crate::error::CliError;
use crate::output::say;

/// The destinations of a configuration, opened: all of them, or the one that was asked for.
#[derive(Debug)]
pub(crate) struct Destinations {
    opened: host::Destinations,
    /// Where this machine's spools lie.
    state: PathBuf,
}

/// What a destination answered.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// The destination's name.
    pub(crate) name: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) value: T,
}

impl Destinations {
    pub(crate) async fn open(config: &Config, only: Option<&str>) -> Result<Self, CliError> {
        if config.destinations.is_empty() {
            let dir = config.dir.join("adapters");
            return Err(CliError::usage(format!("there are no adapters in {}", dir.display()))
                .advise("put one there as NAME.wasm, with NAME.toml beside it"));
        }
        if let Some(only) = only {
            return Self::open_these(config, &[only]).await;
        }
        Self::open_all(config).await
    }

    async fn open_all(config: &Config) -> Result<Self, CliError> {
        Ok(Self {
            opened: host::Destinations::open(config).await?,
            state: config.state.clone(),
        })
    }

    /// The destinations with these names, each of which there must be.
    pub(crate) async fn open_these(config: &Config, names: &[&str]) -> Result<Self, CliError> {
        let mut config = config.clone();
        let there: Vec<_> = config.destinations.iter().map(|config| config.name.clone()).collect();
        if let Some(missing) = names.iter().find(|name| !there.iter().any(|there| there == *name)) {
            return Err(CliError::usage(format!("there is no destination `{missing}`"))
                .advise(format!("there are: {}", there.join(", "))));
        }
        config
            .destinations
            .retain(|destination| names.contains(&destination.name.as_str()));
        Self::open_all(&config).await
    }

    /// One of them.
    pub(crate) fn named(&self, name: &str) -> Result<&Destination, CliError> {
        let found = self.each().iter().find(|destination| destination.name() == name);
        found.ok_or_else(|| CliError::usage(format!("there is no destination `{name}`")))
    }

    /// Each destination; a store may not have opened.
    pub(crate) fn each(&self) -> &[Destination] {
        self.opened.each()
    }

    /// Asks one destination after the other until one answers, and says so if it was not the first.
    ///
    /// One that does not know the session is not the last word either. If none answers, the first error that was more
    /// than that is the result.
    pub(crate) async fn first<T>(
        &self,
        mut ask: impl AsyncFnMut(Arc<dyn Store>) -> Result<T, SessionError>,
    ) -> Result<Answer<T>, CliError> {
        let mut problems = Problems::default();
        for destination in self.each() {
            let name = destination.name();
            let store = match destination.store() {
                Ok(store) => store,
                Err(error) => {
                    problems.add(name, error.into());
                    continue;
                }
            };
            match ask(store.clone()).await {
                Ok(value) => {
                    problems.tell_before(name);
                    let name = name.to_owned();
                    return Ok(Answer { name, store, value });
                }
                Err(error @ (SessionError::NotFound { .. } | SessionError::NothingIn { .. })) => {
                    problems.unknown(name, error.into())
                }
                Err(
                    error @ (SessionError::Store { .. } | SessionError::Unsupported { .. } | SessionError::Load(_)),
                ) => {
                    problems.add(name, error.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(problems.into_error())
    }

    pub(crate) async fn close(&self) {
        self.opened.close().await;
    }
}

/// What kept destinations from answering.
#[derive(Debug, Default)]
struct Problems {
    met: Vec<(String, CliError)>,
    unknown: Option<CliError>,
}

impl Problems {
    fn add(&mut self, name: &str, error: CliError) {
        self.met.push((name.to_owned(), error));
    }

    fn unknown(&mut self, name: &str, error: CliError) {
        tracing::info!(destination = name, "does not know the session");
        self.unknown.get_or_insert(error);
    }

    fn tell_before(&self, name: &str) {
        for (failed, error) in &self.met {
            warn(failed, error);
        }
        if !self.met.is_empty() || self.unknown.is_some() {
            say(format_args!("the answer is from `{name}`"));
        }
    }

    fn into_error(self) -> CliError {
        let mut met = self.met.into_iter();
        match (met.next(), self.unknown) {
            // One answered, but not every destination could be asked.
            (Some(first), Some(unknown)) => {
                std::iter::once(first)
                    .chain(met)
                    .for_each(|(name, error)| warn(&name, &error));
                unknown
            }
            (None, Some(unknown)) => unknown,
            (Some((_, first)), None) => {
                met.for_each(|(name, error)| warn(&name, &error));
                first
            }
            (None, None) => CliError::failed("no destination answered"),
        }
    }
}

/// Tells of a destination that could not be used.
pub(crate) fn warn(destination: &str, problem: impl Display) {
    say(format_args!("warning: `{destination}`: {problem}"));
}
