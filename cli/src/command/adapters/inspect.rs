//! `mirrorbox adapters inspect`: what a component imports and exports, without running it.

use std::path::{Path, PathBuf};

use clap::Args;
use mirrorbox::adapter::{AdapterError, Inspection, Language, Runtime};
use serde::Serialize;

use super::{Context, suggest};
use crate::error::{CliError, Exit};
use crate::output::{bytes, safe, safe_line};
use crate::paths;

/// Say what a component exports and imports, whether it keeps the contract, and which manifest to begin with
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A component's file
    file: PathBuf,
}

/// What was found, for programs.
#[derive(Debug, Serialize)]
struct InspectDocument {
    file: String,
    sha256: String,
    bytes: u64,
    /// What it was written in, as far as its bytes say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    exports: Vec<String>,
    imports: Vec<String>,
    /// The version of the contract that it is taken at.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract_version: Option<&'static str>,
    /// The versions that this host speaks.
    host_speaks: Vec<&'static str>,
    keeps_contract: bool,
    /// Where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// A manifest to begin with, if the component has no manifest beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
}

impl Inspect {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let document = InspectDocument::from(inspect(&self.file, context).await?);
        if context.output.is_json() {
            context.output.json(&document)?;
        } else {
            for line in document.lines() {
                context.output.line(line)?;
            }
        }
        Ok(if document.keeps_contract {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}

/// What it compiles to is kept, so that it need not be compiled again when it is used: by its digest, so that
/// a user who trusts it later trusts this very file.
pub(super) async fn inspect(file: &Path, context: &Context) -> Result<Inspection, CliError> {
    let failed = |error: AdapterError| CliError::failed(error.to_string());
    let cache = paths::state_dir(&context.global)?.join("cache");
    let runtime = Runtime::shared(Some(&cache)).map_err(failed)?;
    Inspection::at(&runtime, file).await.map_err(failed)
}

impl From<Inspection> for InspectDocument {
    fn from(inspection: Inspection) -> Self {
        let has_manifest = inspection.path.with_extension("toml").exists();
        let is_adapter = inspection.contract.is_ok() && !has_manifest;
        Self {
            language: (inspection.language != Language::Unknown).then(|| inspection.language.to_string()),
            manifest: is_adapter.then(|| suggest::manifest(&inspection.sha256, &inspection.imports)),
            file: inspection.path.display().to_string(),
            sha256: inspection.sha256,
            bytes: inspection.size,
            exports: inspection.exports,
            imports: inspection.imports,
            contract_version: inspection.contract.as_ref().ok().copied(),
            host_speaks: Inspection::contract_versions(),
            keeps_contract: inspection.contract.is_ok(),
            problem: inspection
                .contract
                .err()
                .map(|error| format!("{error} ({})", error.advice(inspection.language))),
        }
    }
}

impl InspectDocument {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("{} ({})", safe_line(&self.file), bytes(self.bytes)),
            format!("sha256    {}", self.sha256),
        ];
        lines.extend(self.language.iter().map(|language| format!("language  {language}")));
        lines.extend(listed("exports", &self.exports));
        lines.extend(listed("imports", &self.imports));
        lines.push(match &self.problem {
            None => format!("contract  {}: kept", self.contract_version.unwrap_or_default()),
            Some(problem) => format!("contract  NOT kept: {}", safe(problem)),
        });
        if let Some(manifest) = &self.manifest {
            let place = PathBuf::from(&self.file).with_extension("toml");
            let place = place.file_name().unwrap_or_default().to_string_lossy();
            lines.push(String::new());
            lines.push(format!("# {}, a manifest to begin with", safe_line(&place)));
            lines.extend(manifest.lines().map(str::to_owned));
        }
        lines
    }
}

/// One name a line, the heading before the first.
fn listed(heading: &str, names: &[String]) -> Vec<String> {
    let headings = std::iter::once(heading).chain(std::iter::repeat(""));
    let lines = headings
        .zip(names)
        .map(|(heading, name)| format!("{heading:<10}{}", safe_line(name)));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_under_each_other() {
        let document = InspectDocument {
            file: "x.wasm".into(),
            sha256: "00".into(),
            bytes: 2048,
            language: Some("Go".into()),
            exports: vec!["a".into(), "b".into()],
            imports: Vec::new(),
            contract_version: None,
            host_speaks: vec!["0.1.0"],
            keeps_contract: false,
            problem: Some("load: missing".into()),
            manifest: None,
        };
        assert_eq!(
            document.lines(),
            [
                "x.wasm (2.00 KiB)",
                "sha256    00",
                "language  Go",
                "exports   a",
                "          b",
                "contract  NOT kept: load: missing",
            ]
        );
    }
}
