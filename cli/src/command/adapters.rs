mod check;
mod fresh;
mod inspect;
mod install;
mod rollback;

use clap::{Args, Subcommand};
use mirrorbox::host::{Destination, Destinations};
use mirrorbox::store::Capabilities;
use serde::Serialize;

use self::check::Check;
use self::inspect::Inspect;
use self::install::Install;
use self::rollback::Rollback;
use super::Context;
use crate::destinations::warn;
use crate::error::{CliError, Exit};
use crate::output::{Table, left};

/// List the adapters of the configuration and whether they open; check one, inspect a component, install one, go back
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Adapters {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(Check),
    Inspect(Inspect),
    Install(Install),
    Rollback(Rollback),
}

impl Adapters {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        match self.what {
            Some(What::Check(check)) => check.run(context).await,
            Some(What::Inspect(inspect)) => inspect.run(context).await,
            Some(What::Install(install)) => install.run(context).await,
            Some(What::Rollback(rollback)) => rollback.run(context),
            None => list(context).await,
        }
    }
}

/// An adapter of the configuration.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    component: String,
    /// What it is, if it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<String>,
    can: Vec<&'static str>,
    directories: Vec<String>,
    network: Vec<String>,
    projects: Vec<String>,
    /// Why it did not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The adapters for programs.
#[derive(Serialize)]
struct Document<'a> {
    adapters: &'a [Row],
}

async fn list(context: &mut Context) -> Result<Exit, CliError> {
    let config = context.config()?;
    let destinations = Destinations::open(&config).await?;
    let rows: Vec<_> = destinations.each().iter().map(Row::of).collect();
    destinations.close().await;
    if context.output.is_json() {
        context.output.json(&Document { adapters: &rows })?;
    } else if rows.is_empty() {
        let dir = config.dir.join("adapters");
        context.output.line(format_args!("no adapters in {}", dir.display()))?;
    } else {
        context.output.line(table(&rows))?;
    }
    let failed = rows.iter().filter_map(|row| Some((&row.name, row.error.as_ref()?)));
    failed.clone().for_each(|(name, error)| warn(name, error));
    Ok(if failed.count() == 0 { Exit::Done } else { Exit::Failed })
}

impl Row {
    fn of(destination: &Destination) -> Self {
        let config = destination.config();
        let (info, error) = match destination.store() {
            Ok(store) => (Some(store.info()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let grants = &config.manifest.grants;
        Self {
            name: config.name.clone(),
            component: config.component.display().to_string(),
            can: info.as_ref().map_or_else(Vec::new, |info| names(info.capabilities)),
            adapter: info.map(|info| format!("{} {}", info.name, info.version)),
            directories: grants
                .dirs
                .iter()
                .map(|grant| grant.host.display().to_string())
                .collect(),
            network: grants.network.iter().map(ToString::to_string).collect(),
            projects: config.manifest.mirror.projects.clone(),
            error,
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

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&["NAME", "ADAPTER", "CAN", "MAY TOUCH", "PROJECTS"]);
    for row in rows {
        table.row([
            left(&row.name),
            left(row.adapter.as_deref().unwrap_or("does not open")),
            left(row.can.join(", ")),
            left(or_nothing(&[&row.directories[..], &row.network[..]].concat())),
            left(row.projects.join(", ")),
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
        let row = |name: &str, adapter: Option<&str>| Row {
            name: name.into(),
            component: String::new(),
            adapter: adapter.map(str::to_owned),
            can: names(Capabilities {
                listing: true,
                deletion: adapter.is_some(),
                compaction: false,
            }),
            directories: adapter.map(|_| "/srv".to_owned()).into_iter().collect(),
            network: Vec::new(),
            projects: vec!["*".into()],
            error: None,
        };
        assert_eq!(
            table(&[row("fs", Some("fs 0.1.0")), row("mine", None)]).to_string(),
            "NAME  ADAPTER        CAN                MAY TOUCH  PROJECTS\n\
             fs    fs 0.1.0       listing, deletion  /srv       *\n\
             mine  does not open  listing            nothing    *"
        );
    }
}
