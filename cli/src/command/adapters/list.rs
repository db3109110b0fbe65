//! `mirrorbox adapters list`: every adapter of the configuration, and whether it is approved.

use mirrorbox::adapter::{AdapterError, Usage, Wants};
use mirrorbox::config::lock::LockError;
use mirrorbox::host::{Destination, Destinations};
use mirrorbox::store::Capabilities;
use serde::Serialize;

use super::Context;
use crate::destinations::warn;
use crate::error::{CliError, Exit};
use crate::output::{Table, bytes, left, right, say};

/// How many hex digits of a digest tell adapters apart for eyes.
const SHORT: usize = 12;

/// An adapter of the configuration.
#[derive(Debug, Serialize)]
struct AdapterRow {
    name: String,
    component: String,
    /// What it is, if it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<String>,
    /// Hex SHA-256 of the component, if it keeps the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    state: State,
    can: Vec<&'static str>,
    imports: Vec<String>,
    directories: Vec<String>,
    network: Vec<String>,
    /// What it could make use of and is not granted: hints, for importing is not needing.
    missing: Vec<&'static str>,
    projects: Vec<String>,
    /// What it has used to open, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    /// Why it did not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How an adapter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Open,
    /// It may do more than was approved.
    Waiting,
    /// Its backend is away, or has too much to do.
    Unavailable,
    Failed,
}

/// The adapters for programs.
#[derive(Serialize)]
struct ListDocument<'a> {
    adapters: &'a [AdapterRow],
}

pub(super) async fn list(context: &mut Context) -> Result<Exit, CliError> {
    let config = context.config()?;
    let destinations = Destinations::open(&config).await?;
    let rows: Vec<_> = destinations.each().iter().map(AdapterRow::of).collect();
    destinations.close().await;
    if context.output.is_json() {
        context.output.json(&ListDocument { adapters: &rows })?;
    } else if rows.is_empty() {
        let dir = config.dir.join("adapters");
        context.output.line(format_args!("no adapters in {}", dir.display()))?;
    } else {
        context.output.line(table(&rows))?;
    }
    for row in &rows {
        match &row.error {
            Some(error) => warn(&row.name, error),
            None => row.missing.iter().for_each(|missing| hint(&row.name, missing)),
        }
    }
    let all_open = rows.iter().all(|row| row.state == State::Open);
    Ok(if all_open { Exit::Done } else { Exit::Failed })
}

fn hint(name: &str, missing: &str) {
    say(format_args!("hint: `{name}`: {missing}"));
}

impl AdapterRow {
    fn of(destination: &Destination) -> Self {
        let (config, component) = (destination.config(), destination.component());
        let store = destination.store();
        let state = store.as_ref().map_or_else(|error| State::of(error), |_| State::Open);
        let (info, error) = match store {
            Ok(store) => (Some(store.info()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let grants = &config.manifest.grants;
        let imports = component.map_or(&[][..], |component| component.imports());
        Self {
            name: config.name.clone(),
            component: config.component.display().to_string(),
            can: info.as_ref().map_or_else(Vec::new, |info| names(info.capabilities)),
            adapter: info.map(|info| format!("{} {}", info.name, info.version)),
            sha256: component.map(|component| component.sha256().to_owned()),
            state,
            imports: imports.to_vec(),
            missing: Wants::of(imports.iter().map(String::as_str)).missing(grants),
            directories: grants
                .dirs
                .iter()
                .map(|grant| grant.host.display().to_string())
                .collect(),
            network: grants.network.iter().map(ToString::to_string).collect(),
            projects: config.manifest.mirror.projects.clone(),
            usage: destination.usage(),
            error,
        }
    }
}

impl State {
    fn of(error: &AdapterError) -> Self {
        match error {
            AdapterError::Approval(LockError::Waiting { .. }) => Self::Waiting,
            error if error.can_retry() => Self::Unavailable,
            _ => Self::Failed,
        }
    }

    /// For people.
    fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waits for approval",
            Self::Unavailable => "backend unavailable",
            Self::Failed => "does not open",
        }
    }
}

fn names(capabilities: Capabilities) -> Vec<&'static str> {
    let Capabilities {
        listing,
        deletion,
        compaction,
    } = capabilities;
    let all = [("listing", listing), ("deletion", deletion), ("compaction", compaction)];
    all.into_iter().filter(|(_, can)| *can).map(|(name, _)| name).collect()
}

fn table(rows: &[AdapterRow]) -> Table {
    let mut table = Table::new(&[
        "NAME",
        "STATE",
        "ADAPTER",
        "DIGEST",
        "CAN",
        "IMPORTS",
        "MAY TOUCH",
        "PROJECTS",
        "INSTANCES",
        "CALLS",
        "FAILURES",
        "MEMORY",
    ]);
    for row in rows {
        let used = |of: fn(&Usage) -> String| right(row.usage.as_ref().map_or_else(|| "-".to_owned(), of));
        let digest = row.sha256.as_deref().and_then(|digest| digest.get(..SHORT));
        table.row([
            left(&row.name),
            left(row.state.words()),
            left(row.adapter.as_deref().unwrap_or("-")),
            left(digest.unwrap_or("-")),
            left(row.can.join(", ")),
            right(row.imports.len()),
            left(or_nothing(&[&row.directories[..], &row.network[..]].concat())),
            left(row.projects.join(", ")),
            used(|usage| usage.instances.to_string()),
            used(|usage| usage.calls.to_string()),
            used(|usage| usage.failures.to_string()),
            used(|usage| bytes(usage.memory_peak)),
        ]);
    }
    table
}

fn or_nothing(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_adapter_is_one_line() {
        let row = |name: &str, adapter: Option<&str>, state: State| AdapterRow {
            name: name.into(),
            component: String::new(),
            adapter: adapter.map(str::to_owned),
            sha256: adapter.map(|_| "0123456789abcdef".repeat(4)),
            state,
            can: names(Capabilities {
                listing: adapter.is_some(),
                deletion: adapter.is_some(),
                compaction: false,
            }),
            imports: adapter.map(|_| "wasi:io/poll@0.2.6".to_owned()).into_iter().collect(),
            directories: adapter.map(|_| "/srv".to_owned()).into_iter().collect(),
            network: Vec::new(),
            missing: Vec::new(),
            projects: vec!["*".into()],
            usage: None,
            error: None,
        };
        assert_eq!(
            table(&[
                row("fs", Some("fs 0.1.0"), State::Open),
                row("mine", None, State::Waiting)
            ])
            .to_string(),
            "NAME  STATE               ADAPTER   DIGEST        CAN                IMPORTS  MAY TOUCH  PROJECTS  \
             INSTANCES  CALLS  FAILURES  MEMORY\n\
             fs    open                fs 0.1.0  0123456789ab  listing, deletion        1  /srv       *         \
             \x20       -      -         -       -\n\
             mine  waits for approval  -         -                                      0  nothing    *         \
             \x20       -      -         -       -"
        );
    }

    #[test]
    fn an_adapter_that_waits_is_told_from_one_that_fails() {
        use mirrorbox::store::StoreError;
        let open = |source| AdapterError::Open { place: None, source };
        let waiting = LockError::Waiting {
            name: "s3".into(),
            more: Vec::new(),
        };
        assert_eq!(State::of(&waiting.into()), State::Waiting);
        assert_eq!(
            State::of(&open(StoreError::Unavailable("away".into()))),
            State::Unavailable
        );
        assert_eq!(State::of(&open(StoreError::Denied("no".into()))), State::Failed);
    }
}
