//! `cargo xtask dist`: what is released, in `target/dist`: the command as an archive and as a Debian package, the wheel
//! of the Python package, the tarball of the Node package, what an image of the command is built from, what they
//! consist of, and checksums. The same sources give the same bytes, wherever they lie.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use clap::Args;

mod archive;
mod container;
mod debian;
mod npm;
mod released;
mod wheel;

use crate::build::Profile;
use crate::workspace::Workspace;
use crate::{process, sbom, set_up, system_packages};

/// What files in packages are dated: 1980-01-01, the first day that a zip can name.
const DATE: &str = "315532800";

/// What a package is made of.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The command, which has the adapters inside.
    pub(crate) command: PathBuf,
    /// The native half of the Python package.
    pub(crate) native: PathBuf,
    /// The native half of the Node package.
    pub(crate) node: PathBuf,
    /// The oldest C library that they run with; `None` where they were linked against this machine's.
    pub(crate) glibc: Option<&'static str>,
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Pack what `cargo xtask test` has built, for this machine alone
    #[arg(long)]
    debug: bool,
}

/// Builds everything and says where it is.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let built = match options.debug {
        true => built_here(workspace, Profile::Dev),
        false => {
            set_up(workspace)?;
            released::build(workspace)?
        }
    };
    let out = workspace.target.join("dist");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    let version = env!("CARGO_PKG_VERSION");
    let share = archive::stage(workspace, &built, &workspace.target.join("dist-work"))?;
    archive::pack(&share, &out, version)?;
    debian::pack(&share, &built, &out, version)?;
    wheel::build(workspace, &built, &out)?;
    npm::build(workspace, &built, &out)?;
    container::pack(&built, &out)?;
    let bill = sbom::Options::into(out.join(format!("mirrorbox-{version}.cdx.json")));
    sbom::run(workspace, &bill)?;
    for file in checksums(&out)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// Packs one kind of package into a folder.
type Pack = fn(&Workspace, &Built, &Path) -> Result<()>;

/// The packages that tests install: into which folder of `target/debug` each is packed, and how.
const TESTED: [(&str, Pack); 3] = [
    ("wheel", |workspace, built, out| {
        wheel::build(workspace, built, out).map(drop)
    }),
    ("npm", npm::build),
    ("image", |_, built, out| {
        system_packages::ensure(&[system_packages::BUILDAH])?;
        container::pack(built, out)
    }),
];

/// The packages as tests want them, of what was built for them. Where one cannot be packed, they say so and are passed
/// over.
pub(crate) fn test_packages(workspace: &Workspace) {
    let built = built_here(workspace, Profile::Dev);
    for (name, pack) in TESTED {
        let out = workspace.target.join("debug").join(name);
        let emptied = match fs::remove_dir_all(&out) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
        if let Err(error) = emptied.and_then(|()| pack(workspace, &built, &out)) {
            eprintln!("The package `{name}` cannot be packed, so the tests that want it are passed over: {error:#}");
        }
    }
}

/// A copy without what only a debugger reads.
fn strip(from: &Path, to: &Path) -> Result<()> {
    process::run(Command::new("strip").args(["--strip-debug", "-o"]).arg(to).arg(from))
}

/// The wheel of what was built with this profile, for this machine alone.
pub(crate) fn wheel_of(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let out = workspace.target.join(profile.folder()).join("wheel");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    wheel::build(workspace, &built_here(workspace, profile), &out)
}

fn built_here(workspace: &Workspace, profile: Profile) -> Built {
    let folder = workspace.target.join(profile.folder());
    // Libraries are copied beside the programs where they are asked for by name, and not where tests want them.
    let library = |name: &str| folder.join("deps").join(name);
    Built {
        command: folder.join("mirrorbox"),
        native: library("libmirrorbox_native.so"),
        node: library("libmirrorbox_node.so"),
        glibc: None,
    }
}

/// Writes `SHA256SUMS`, and returns what is there.
fn checksums(out: &Path) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => {
                let inside = fs::read_dir(entry.path())?;
                let inside = inside.map(|file| Ok(Path::new(&entry.file_name()).join(file?.file_name())));
                names.extend(inside.collect::<Result<Vec<_>>>()?);
            }
            false => names.push(entry.file_name().into()),
        }
    }
    names.sort();
    let sums = process::output(Command::new("sha256sum").args(&names).current_dir(out))?;
    fs::write(out.join("SHA256SUMS"), sums)?;
    names.push("SHA256SUMS".into());
    Ok(names.iter().map(|name| out.join(name)).collect())
}

/// Runs a program that packs: it dates files as we say.
fn pack_with(command: &mut Command) -> Result<()> {
    let output = process::output(command.env("SOURCE_DATE_EPOCH", DATE));
    output.map(drop)
}

/// What the command prints when it is asked for a page or a script.
fn printed(command: &Path, arguments: &[&str]) -> Result<String> {
    let text = process::output(Command::new(command).args(arguments))?;
    ensure!(!text.is_empty(), "{} {arguments:?} printed nothing", command.display());
    Ok(text)
}
