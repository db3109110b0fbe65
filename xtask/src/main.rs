//! `cargo xtask`: what this repository needs beyond plain cargo. One module per command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod build;
mod ci;
mod demo;
mod deny;
mod dependencies;
mod dist;
mod fuzz;
mod house;
mod languages;
mod node;
mod oracle;
mod package;
mod process;
mod python;
mod sbom;
mod servers;
mod soak;
mod spelling;
mod system_packages;
mod test;
mod wasm_target;
mod workspace;

use workspace::Workspace;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Builds, tests and shows Mirrorbox"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Made-up transcripts go into a store through the sandboxed adapter and come back, byte for byte
    Demo(demo::Options),
    /// Every test: of the library, the command, the adapters and the documentation
    Test(test::Options),
    /// The release binary (target/release/mirrorbox) and every adapter (target/adapters/NAME.wasm)
    Build(build::Options),
    /// Formatting, house rules, spelling, dependencies, lints with warnings denied, a minute of each fuzz target, then
    /// every test
    Ci,
    /// The tests of the durable mirror and of `watch` in their long forms: hundreds of kills, a hundred thousand
    /// transcripts
    Soak(soak::Options),
    /// What comes from outside, made up by a fuzzer: a minute for each target
    Fuzz(fuzz::Options),
    /// Measure, and write docs/benchmarks.md
    Bench(bench::Options),
    /// What can be counted of the house rules: lengths, names that occur twice, phrases that nobody looks up
    House(house::Options),
    /// Licences, bans and sources of what is depended on, as deny.toml has them
    Deny,
    /// Misspelt words, in names, comments and pages
    Spelling,
    /// The crates that are published, packed as a registry would get them: target/package
    Package,
    /// What is released: archive, Debian package, wheel, checksums: target/dist
    Dist(dist::Options),
    /// What a release consists of, as a CycloneDX file
    Sbom(sbom::Options),
    /// Only what the other commands do first: system packages, the wasm32-wasip2 standard library, servers for tests
    Setup,
}

fn main() -> ExitCode {
    let Err(error) = perform(Arguments::parse().task) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("because: {cause}");
    }
    ExitCode::FAILURE
}

fn perform(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    match task {
        Task::Demo(options) => demo::run(&workspace, &options),
        Task::Test(options) => test::run(&workspace, &options),
        Task::Build(options) => build::run(&workspace, &options),
        Task::Ci => ci::run(&workspace),
        Task::Soak(options) => soak::run(&workspace, &options),
        Task::Fuzz(options) => fuzz::run(&workspace, &options),
        Task::Bench(options) => bench::run(&workspace, &options),
        Task::House(options) => house::run(&workspace, &options),
        Task::Deny => deny::run(&workspace),
        Task::Spelling => spelling::run(&workspace),
        Task::Package => package::run(&workspace),
        Task::Dist(options) => dist::run(&workspace, &options),
        Task::Sbom(options) => sbom::run(&workspace, &options),
        Task::Setup => {
            set_up(&workspace)?;
            servers::ensure(&workspace);
            Ok(())
        }
    }
}

/// What every command that builds needs first. Does nothing where nothing is missing.
fn set_up(workspace: &Workspace) -> anyhow::Result<()> {
    system_packages::ensure(&[system_packages::C_COMPILER, system_packages::WASM_C_COMPILER])?;
    wasm_target::ensure(workspace)
}
