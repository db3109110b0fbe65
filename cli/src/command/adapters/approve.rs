//! `mirrorbox adapters approve`: records in `adapters.lock` what an adapter may do.

use clap::Args;
use mirrorbox::adapter::{Compiled, Runtime};
use mirrorbox::config::lock::{Approvals, Difference, LockEntry, LockError, Verdict};
use mirrorbox::config::{Config, DestinationConfig};
use serde::Serialize;

use super::Context;
use crate::error::{CliError, Exit};
use crate::output::safe_line;

/// Show what an adapter may do that adapters.lock does not say, and take it down there
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// An adapter of the configuration
    name: String,
    /// Only show it
    #[arg(long)]
    dry_run: bool,
}

/// What was found and done, for programs.
#[derive(Debug, Serialize)]
struct ApproveDocument<'a> {
    name: &'a str,
    /// `new`, `same`, `changed` or `wider`.
    state: &'static str,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_sha256: Option<String>,
    /// What it may do now and might not before, a line each as it stands in the lock.
    more: Vec<String>,
    /// What it might do before and may not now.
    less: Vec<String>,
    /// Whether anything was recorded in `adapters.lock`.
    recorded: bool,
}

impl Approve {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let destination = named(&config, &self.name)?;
        let approvals = config.approvals.as_ref();
        let approvals = approvals.ok_or_else(|| CliError::usage("this configuration asks for no approvals"))?;
        let present = present(&config, destination, approvals).await?;
        let unreadable = |error| CliError::from(LockError::Unreadable(error));
        let approved = approvals.approved(&self.name).map_err(unreadable)?;
        let verdict = present.verdict(approved.as_ref());
        let recorded = !self.dry_run && verdict != Verdict::Same;
        if recorded {
            approvals.approve(&self.name, &present)?;
        }
        ApproveDocument::new(&self.name, &present, approved, &verdict, recorded).print(context)?;
        Ok(Exit::Done)
    }
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a DestinationConfig, CliError> {
    let found = config.destinations.iter().find(|destination| destination.name == name);
    found.ok_or_else(|| {
        let names: Vec<_> = config.destinations.iter().map(|there| there.name.as_str()).collect();
        CliError::usage(format!("there is no adapter `{name}`")).advise(format!("there are: {}", names.join(", ")))
    })
}

/// What stands in the adapter directory. Nothing of the component is run.
pub(super) async fn present(
    config: &Config,
    destination: &DestinationConfig,
    approvals: &Approvals,
) -> Result<LockEntry, CliError> {
    let DestinationConfig {
        component, manifest, ..
    } = destination;
    let runtime = Runtime::shared(Some(&config.state.join("cache")))?;
    let compiled = Compiled::load(&runtime, component, manifest.sha256.as_deref()).await?;
    Ok(approvals.entry(compiled.sha256(), compiled.imports(), manifest))
}

impl<'a> ApproveDocument<'a> {
    fn new(
        name: &'a str,
        present: &'a LockEntry,
        approved: Option<LockEntry>,
        verdict: &Verdict,
        recorded: bool,
    ) -> Self {
        let before = approved.as_ref().map(|approved| approved.permissions.clone());
        let before = before.unwrap_or_default();
        let Difference { more, less } = present.permissions.difference(&before);
        Self {
            name,
            state: match verdict {
                Verdict::New => "new",
                Verdict::Same => "same",
                Verdict::Changed(_) => "changed",
                Verdict::Wider(_) => "wider",
            },
            sha256: &present.sha256,
            approved_sha256: approved.map(|approved| approved.sha256),
            more,
            less,
            recorded,
        }
    }

    fn print(&self, context: &mut Context) -> Result<(), CliError> {
        if context.output.is_json() {
            return context.output.json(self);
        }
        for line in self.lines() {
            context.output.line(safe_line(&line))?;
        }
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        let was = match &self.approved_sha256 {
            Some(approved) if approved != self.sha256 => format!(" (approved: {approved})"),
            _ => String::new(),
        };
        let mut lines = vec![format!("{} {}{was}", self.name, self.sha256)];
        lines.extend(self.more.iter().map(|line| format!("  + {line}")));
        lines.extend(self.less.iter().map(|line| format!("  - {line}")));
        let (verb, name) = (if self.recorded { "approved" } else { "not recorded" }, self.name);
        lines.push(match self.state {
            "same" => format!("{name} is approved as it is"),
            "wider" => format!("{verb}: {name} may do more than before"),
            "changed" => format!("{verb}: {name} may do no more than before"),
            _ => format!("{verb}: nothing was known of {name}"),
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_shown_line_by_line() {
        let document = ApproveDocument {
            name: "s3",
            state: "wider",
            sha256: "02",
            approved_sha256: Some("01".to_owned()),
            more: vec!["network \"https://*.example.com\"".to_owned()],
            less: vec!["network \"https://a.example.org\"".to_owned()],
            recorded: true,
        };
        assert_eq!(
            document.lines(),
            [
                "s3 02 (approved: 01)",
                "  + network \"https://*.example.com\"",
                "  - network \"https://a.example.org\"",
                "approved: s3 may do more than before",
            ]
        );
    }
}
