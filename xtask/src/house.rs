//! `cargo xtask house`: what can be counted of the house rules. No file is longer than 500 lines, and every file that
//! the contributors' pages name is there; the other figures, in `xtask/house.toml`, may only fall.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

mod circles;
mod figures;
mod places;
mod source;

use crate::workspace::Workspace;
use figures::Figures;
use places::missing;
use source::{Source, is_code};

/// The longest file of code, in lines.
const LONGEST: usize = 500;

/// Folders whose files nobody wrote, or nobody reads.
const PASSED_OVER: [&str; 3] = ["target", "corpus", "node_modules"];

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Write down the figures as they are now
    #[arg(long)]
    write: bool,
}

/// Counts, and fails with everything that grew.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let files = files(&workspace.root)?;
    let path = workspace.root.join("xtask/house.toml");
    let found = Figures::of(&files)?;
    if options.write {
        fs::write(&path, found.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let allowed = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let allowed = Figures::parse(&allowed).with_context(|| format!("cannot read {}", path.display()))?;
    let too_long = files
        .iter()
        .filter(|file| is_code(&file.path) && file.lines() > LONGEST);
    let mut complaints: Vec<_> = too_long
        .map(|file| {
            format!(
                "{} has {} lines; {LONGEST} are the most",
                file.path.display(),
                file.lines()
            )
        })
        .collect();
    complaints.extend(missing(&workspace.root, &files));
    complaints.extend(found.beyond(&allowed, &files));
    if !complaints.is_empty() {
        bail!("the house rules:\n  {}", complaints.join("\n  "));
    }
    match allowed.beyond(&found, &[]).len() {
        0 => println!("{} files keep the house rules", files.len()),
        fewer => println!("{fewer} figures fell: `cargo xtask house --write` holds them there"),
    }
    Ok(())
}

/// Code and pages, by their paths from the root.
fn files(root: &Path) -> Result<Vec<Source>> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            if name.starts_with('.') || PASSED_OVER.contains(&&*name) || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if is_code(&path) || is_page(&path) {
                found.push(read(root, path)?);
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn read(root: &Path, path: PathBuf) -> Result<Source> {
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let path = path.strip_prefix(root).map(Path::to_owned).unwrap_or(path);
    Ok(Source { path, text })
}

/// What was written of older versions stays as it was.
fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "md") && !path.ends_with("CHANGELOG.md")
}

#[cfg(test)]
mod tests;
