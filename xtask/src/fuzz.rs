//! `cargo xtask fuzz`: what comes from outside (manifests, grants, locks, frames, keys, stored batches,
//! texts for terminals), made up by a fuzzer.
//!
//! `fuzz/corpus/TARGET/` is what is kept; what a run finds beyond it lies in `target/fuzz-found/TARGET/` until `--keep`
//! takes over what reaches new code.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process;
use crate::workspace::Workspace;

/// The targets, in `fuzz/fuzz_targets/`.
const TARGETS: [&str; 8] = [
    "manifests",
    "frames",
    "keys",
    "stored_batches",
    "batch_files",
    "lock_content",
    "grants",
    "terminal_texts",
];

/// So many run side by side: two rounds of a minute for up to eight, on two cores as on more.
const AT_ONCE: usize = 4;

/// Compiles programs with the instruments that the fuzzer needs.
const TOOLCHAIN: &str = "nightly";
const TOOL: (&str, &str) = ("cargo-fuzz", "0.13.2");

/// Enough for a target to leave its corpus behind.
const SECONDS: u64 = 60;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this target
    target: Option<String>,
    /// How long each runs, in seconds
    #[arg(long, default_value_t = SECONDS)]
    seconds: u64,
    /// Take over into fuzz/corpus what was found and reaches new code
    #[arg(long)]
    keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: None,
            seconds: SECONDS,
            keep: false,
        }
    }
}

/// Builds the targets and runs each, a few at a time. Without a nightly compiler it says so and does nothing.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let targets: Vec<_> = TARGETS
        .into_iter()
        .filter(|target| options.target.as_deref().is_none_or(|only| only == *target))
        .collect();
    if targets.is_empty() {
        bail!("no such target; there are {}", TARGETS.join(", "));
    }
    let fuzzer = Fuzzer {
        root: workspace.root.join("fuzz"),
        target: workspace.target.join("fuzz"),
        found: workspace.target.join("fuzz-found"),
        tools: workspace.target.join("tools"),
    };
    if let Err(error) = process::output(Command::new("rustup").args(["run", TOOLCHAIN, "cargo", "--version"])) {
        eprintln!("No fuzzing: it wants a {TOOLCHAIN} compiler (`rustup toolchain install {TOOLCHAIN}`): {error:#}");
        return Ok(());
    }
    fuzzer.install(workspace)?;
    fuzzer.build()?;
    for some in targets.chunks(AT_ONCE) {
        fuzzer.try_all(some, options.seconds)?;
    }
    if options.keep {
        targets.iter().try_for_each(|target| fuzzer.keep(target))?;
    }
    Ok(())
}

/// Where everything is.
struct Fuzzer {
    root: PathBuf,
    target: PathBuf,
    found: PathBuf,
    tools: PathBuf,
}

impl Fuzzer {
    fn install(&self, workspace: &Workspace) -> Result<()> {
        let (tool, version) = TOOL;
        if self.tools.join("bin").join(tool).is_file() {
            return Ok(());
        }
        let mut cargo = workspace.cargo("install");
        cargo
            // It starts compilers and nothing else.
            .args([tool, "--version", version, "--locked", "--debug", "--root"])
            .arg(&self.tools);
        process::run(&mut cargo)
    }

    /// Without a sanitizer: there is no unsafe code in what is fuzzed.
    fn build(&self) -> Result<()> {
        let tools = [self.tools.join("bin")];
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(tools.into_iter().chain(env::split_paths(&path)))?;
        let mut cargo = Command::new("rustup");
        cargo
            .args([
                "run",
                TOOLCHAIN,
                "cargo",
                "fuzz",
                "build",
                "--sanitizer",
                "none",
                "--target-dir",
            ])
            .arg(&self.target)
            .current_dir(&self.root)
            .env("PATH", path);
        // Those of the stable compiler that runs us.
        for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
            cargo.env_remove(name);
        }
        process::run(&mut cargo)
    }

    /// Side by side; the first that finds something fails the whole, and says with which input.
    fn try_all(&self, targets: &[&str], seconds: u64) -> Result<()> {
        let started: Vec<_> = targets
            .iter()
            .map(|target| self.start(target, seconds).map(|child| (target, child)))
            .collect::<Result<_>>()?;
        let mut failed = Vec::new();
        for (target, mut child) in started {
            let status = child.wait()?;
            let said = fs::read(self.log(target))?;
            let said = String::from_utf8_lossy(&said);
            println!(
                "{target}: {}",
                said.lines().rfind(|line| line.starts_with("Done")).unwrap_or("failed")
            );
            if !status.success() {
                let end: Vec<_> = said.lines().rev().take(40).collect();
                end.iter().rev().for_each(|line| println!("{line}"));
                failed.push(*target);
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        let found = self.found.display();
        bail!(
            "{} found something: see the input under {found}/TARGET-artifacts",
            failed.join(" and ")
        );
    }

    fn start(&self, target: &str, seconds: u64) -> Result<Child> {
        let (found, artifacts) = (self.found.join(target), self.found.join(format!("{target}-artifacts/")));
        for folder in [&found, &artifacts] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut prefix = OsString::from("-artifact_prefix=");
        prefix.push(&artifacts);
        let mut command = self.program(target)?;
        command
            .args([&found, &self.root.join("corpus").join(target)])
            .arg(prefix)
            .arg(format!("-max_total_time={seconds}"))
            .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.log(target))?);
        command.spawn().with_context(|| format!("cannot start {target}"))
    }

    /// What the fuzzer says of a target.
    fn log(&self, target: &str) -> PathBuf {
        self.found.join(format!("{target}.log"))
    }

    /// Adds to the corpus, in as few and small files as do.
    fn keep(&self, target: &str) -> Result<()> {
        let mut command = self.program(target)?;
        command
            .args(["-merge=1", "-use_counters=0", "-max_len=1024"])
            .args([&self.root.join("corpus").join(target), &self.found.join(target)]);
        process::run_within(Duration::from_secs(600), &mut command)
    }

    fn program(&self, target: &str) -> Result<Command> {
        let host = process::output(Command::new("rustc").args(["--print", "host-tuple"]))?;
        Ok(Command::new(self.target.join(host.trim()).join("release").join(target)))
    }
}
