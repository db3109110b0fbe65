//! Sources from Debian's packages, fetched by an apt with lists, cache and settings of its own.
//!
//! Debian keeps the sources of several compiler versions side by side in its suites. The library must be of exactly
//! the compiler's version; wasi-libc of 2026 or newer.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::TARGET;
use super::compiler::Compiler;
use super::std_build::StdSources;
use crate::process;

/// Where to look, by role: names of releases change. A mirror need not have them all.
const SUITES: [&str; 5] = [
    "stable-backports",
    "stable",
    "oldstable-backports",
    "testing",
    "unstable",
];

/// How long apt may take with each step, for the same reason as rustup.
const APT_LIMIT: Duration = Duration::from_secs(180);

/// Signs the archive; comes with every Debian.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Downloads and unpacks both packages.
pub(super) fn fetch(compiler: &Compiler, scratch: &Path) -> Result<StdSources> {
    for program in ["apt-get", "dpkg"] {
        ensure!(
            process::exists(program),
            "there is no `{program}` here: this is no Debian"
        );
    }
    let apt = Apt::create(scratch, &mirror()?)?;
    let lists = process::run_within(APT_LIMIT, apt.command("apt-get").args(["update", "-qq"]));
    let (library, libc) = choose(&apt, &compiler.release).map_err(|missing| match lists {
        Ok(()) => missing,
        // A suite that the mirror lacks is no harm unless it was needed.
        Err(update) => anyhow!("{missing:#}\n{update:#}"),
    })?;
    let root = scratch.join("root");
    for package in [&library, &libc] {
        apt.unpack(package, &root)?;
    }
    Ok(StdSources {
        library: library_in(&root)?,
        libc: root.join("usr/lib").join(TARGET),
    })
}

/// The archive that this machine's own packages come from.
fn mirror() -> Result<String> {
    let mut apt_get = Command::new("apt-get");
    apt_get.args(["indextargets", "--format", "$(SITE) $(LABEL)", "Created-By: Packages"]);
    let sites = process::output(&mut apt_get)?;
    choose_mirror(&sites)
        .map(str::to_owned)
        .context("apt on this machine knows no mirror of Debian")
}

/// From lines `SITE LABEL`; the label is missing until apt has fetched its lists once.
fn choose_mirror(sites: &str) -> Option<&str> {
    let sites = || sites.lines().filter_map(|line| line.split_once(' '));
    let labelled = sites().find(|(_, label)| label.trim() == "Debian");
    let likely = || sites().find(|(site, _)| site.trim_end_matches('/').ends_with("/debian"));
    labelled.or_else(likely).map(|(site, _)| site)
}

/// An apt that leaves the system's alone.
#[derive(Debug)]
struct Apt {
    config: PathBuf,
    downloads: PathBuf,
}

/// A version of a package, and the suite that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DebianPackage {
    name: String,
    version: String,
    suite: String,
}

impl Apt {
    fn create(scratch: &Path, mirror: &str) -> Result<Apt> {
        let folder = scratch.join("apt");
        let downloads = folder.join("downloads");
        for needed in [
            folder.join("lists/partial"),
            folder.join("cache/archives/partial"),
            downloads.clone(),
        ] {
            fs::create_dir_all(needed)?;
        }
        let sources = folder.join("sources.list");
        fs::write(&sources, sources_list(mirror, Path::new(KEYRING).exists()))?;
        let config = folder.join("apt.conf");
        fs::write(&config, configuration(&folder, &sources, &how_to_reach_servers()))?;
        Ok(Apt { config, downloads })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", &self.config)
            .env("LC_ALL", "C")
            .current_dir(&self.downloads);
        command
    }

    /// The versions that the suites have, newest first.
    fn versions(&self, package: &str) -> Result<Vec<DebianPackage>> {
        Ok(parse_madison(&process::output(
            self.command("apt-cache").args(["madison", package]),
        )?))
    }

    /// Downloads a package and unpacks it without installing it.
    fn unpack(&self, package: &DebianPackage, root: &Path) -> Result<()> {
        let exact = format!("{}={}", package.name, package.version);
        process::run_within(APT_LIMIT, self.command("apt-get").args(["download", "-qq", &exact]))?;
        let prefix = format!("{}_", package.name);
        let mut files = fs::read_dir(&self.downloads)?.filter_map(|entry| Some(entry.ok()?.path()));
        let is_ours = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        };
        let file = files
            .find(is_ours)
            .with_context(|| format!("apt-get downloaded no {exact}"))?;
        process::output(Command::new("dpkg").arg("-x").arg(&file).arg(root))?;
        Ok(())
    }
}

fn sources_list(mirror: &str, keyring: bool) -> String {
    let signed_by = if keyring {
        format!("[signed-by={KEYRING}] ")
    } else {
        String::new()
    };
    SUITES
        .iter()
        .map(|suite| format!("deb {signed_by}{mirror} {suite} main\n"))
        .collect()
}

/// apt's settings with every path of ours; `reach` is what is kept of the system's.
fn configuration(folder: &Path, sources: &Path, reach: &str) -> String {
    let folder = folder.display();
    let mut text = reach.to_owned();
    for (setting, value) in [
        // No hooks, pins or sources of the system.
        ("Dir::Etc::Main", "/dev/null".to_owned()),
        ("Dir::Etc::Parts", format!("{folder}/none")),
        ("Dir::Etc::SourceList", sources.display().to_string()),
        ("Dir::Etc::SourceParts", format!("{folder}/none")),
        ("Dir::Etc::Preferences", "/dev/null".to_owned()),
        ("Dir::Etc::PreferencesParts", format!("{folder}/none")),
        ("Dir::State::Lists", format!("{folder}/lists")),
        ("Dir::Cache", format!("{folder}/cache")),
        ("Acquire::Languages", "none".to_owned()),
        // The user that apt would download as cannot reach this folder.
        ("APT::Sandbox::User", "root".to_owned()),
    ] {
        let _ = writeln!(text, "{setting} \"{value}\";");
    }
    text
}

/// The system's settings of proxies, and of a mirror that is a snapshot of older days.
fn how_to_reach_servers() -> String {
    let kept = [
        "Acquire::http::",
        "Acquire::https::",
        "Acquire::Retries ",
        "Acquire::ForceIPv",
        "Acquire::Check-Valid",
    ];
    let settings = process::output(Command::new("apt-config").arg("dump")).unwrap_or_default();
    let settings = settings
        .lines()
        .filter(|line| kept.iter().any(|prefix| line.starts_with(prefix)));
    settings.map(|line| format!("{line}\n")).collect()
}

/// The compiler's library, and the C library that its own suite has, else the newest.
fn choose(apt: &Apt, release: &str) -> Result<(DebianPackage, DebianPackage)> {
    let libraries = apt.versions("rust-src")?;
    let Some(library) = libraries.iter().find(|package| is_release(&package.version, release)) else {
        let have: Vec<&str> = libraries.iter().map(|package| package.version.as_str()).collect();
        bail!(
            "no suite has rust-src {release} (there is: {})",
            if have.is_empty() {
                "none".into()
            } else {
                have.join(", ")
            }
        );
    };
    let libcs = apt.versions("wasi-libc")?;
    let libc = libcs
        .iter()
        .find(|package| package.suite == library.suite)
        .or(libcs.first());
    Ok((library.clone(), libc.context("no suite has wasi-libc")?.clone()))
}

/// Whether a Debian version packages this release: `1.95.0+dfsg1-2~bpo13+1` is `1.95.0`.
fn is_release(version: &str, release: &str) -> bool {
    version.split(['+', '-']).next() == Some(release)
}

/// Reads `name | version | site suite/component architecture Packages` lines.
fn parse_madison(table: &str) -> Vec<DebianPackage> {
    let row = |line: &str| {
        let mut columns = line.split('|').map(str::trim);
        let (name, version, origin) = (columns.next()?, columns.next()?, columns.next()?);
        let (suite, _) = origin.split_whitespace().nth(1)?.split_once('/')?;
        origin.ends_with("Packages").then(|| DebianPackage {
            name: name.into(),
            version: version.into(),
            suite: suite.into(),
        })
    };
    table.lines().filter_map(row).collect()
}

/// `usr/src/rustc-VERSION/library`.
fn library_in(root: &Path) -> Result<PathBuf> {
    let sources = root.join("usr/src");
    for entry in fs::read_dir(&sources).with_context(|| format!("rust-src has no {}", sources.display()))? {
        let library = entry?.path().join("library");
        if library.join("Cargo.toml").is_file() {
            return Ok(library);
        }
    }
    bail!("rust-src holds no folder `library`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_versions_is_read() {
        let table = "  rust-src | 1.96.1+dfsg1-1 | http://mirror/debian testing/main amd64 Packages\n  \
                     rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://mirror/debian stable-backports/main amd64 Packages\n  \
                     rust-src | 1.95.0+dfsg1-2 | http://mirror/debian unstable/main Sources\n";
        let versions = parse_madison(table);
        let suites: Vec<_> = versions.iter().map(|package| package.suite.as_str()).collect();
        assert_eq!(suites, ["testing", "stable-backports"]);
        assert!(
            versions
                .last()
                .is_some_and(|package| is_release(&package.version, "1.95.0"))
        );
    }

    #[test]
    fn only_the_exact_release_will_do() {
        assert!(is_release("1.95.0-1", "1.95.0"));
        assert!(!is_release("1.95.0~beta.3+dfsg1-1", "1.95.0"));
        assert!(!is_release("1.95.1+dfsg1-2", "1.95.0"));
    }

    #[test]
    fn the_mirror_is_debians_own_archive() {
        let sites = "http://one/cloud Cloud\nhttp://two/security Debian-Security\nhttp://three/mirror Debian\n";
        assert_eq!(choose_mirror(sites), Some("http://three/mirror"));
        let unlabelled = "http://one/cloud \nhttp://two/debian-security \nhttp://three/debian \n";
        assert_eq!(choose_mirror(unlabelled), Some("http://three/debian"));
        assert_eq!(choose_mirror("http://one/ubuntu Ubuntu\n"), None);
    }
}
