//! The tests of the Python package, which are Python's own, as tests of cargo. `cargo xtask test` installs what they
//! want into `target/oracle`; where that is missing they say so and are passed over.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mirrorbox_e2e::Backend;

/// A virtual environment with the agent's SDK, and the package as it was built just now.
struct Installed {
    python: PathBuf,
    /// Where the package lies.
    site: PathBuf,
}

static INSTALLED: OnceLock<Result<Option<Installed>, String>> = OnceLock::new();

fn here() -> PathBuf {
    let named = std::env::var_os("CARGO_MANIFEST_DIR");
    named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(), PathBuf::from)
}

/// Where cargo puts what it builds: above the folder of the test programs.
fn built() -> io::Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    assert!(folder.pop() && folder.pop(), "{}", folder.display());
    Ok(folder)
}

fn install() -> io::Result<Option<Installed>> {
    let built = built()?;
    let target = built.parent().unwrap_or(&built);
    let python = target.join("oracle/bin/python");
    if !python.is_file() {
        eprintln!(
            "passed over: there is no {}; `cargo xtask test` makes it",
            python.display()
        );
        return Ok(None);
    }
    let site = built.join("python-package");
    let package = site.join("mirrorbox");
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    fs::create_dir_all(package.join("bin"))?;
    for file in fs::read_dir(here().join("python/mirrorbox"))? {
        let file = file?.path();
        if file.is_file() {
            fs::copy(&file, package.join(file.file_name().unwrap_or_default()))?;
        }
    }
    fs::copy(
        built.join("deps/libmirrorbox_native.so"),
        package.join("_native.abi3.so"),
    )?;
    // Not copied: it is large.
    std::os::unix::fs::symlink(built.join("mirrorbox"), package.join("bin/mirrorbox"))?;
    Ok(Some(Installed { python, site }))
}

/// Runs the tests of one file.
fn passes(file: &str) -> io::Result<()> {
    passes_with(file, &[])
}

/// Likewise, with these variables in its environment.
fn passes_with(file: &str, variables: &[(&str, String)]) -> io::Result<()> {
    let installed = INSTALLED.get_or_init(|| install().map_err(|error| error.to_string()));
    let Some(Installed { python, site }) = installed.as_ref().map_err(|error| io::Error::other(error.clone()))? else {
        return Ok(());
    };
    let output = Command::new(python)
        .args([
            "-X",
            "faulthandler",
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
        ])
        .arg(here().join("tests").join(file))
        .env("PYTHONPATH", site)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("MIRRORBOX_CONFIG")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{said}{errors}");
    assert!(output.status.success(), "{file}");
    Ok(())
}

#[test]
fn contracts_of_the_sdk() -> io::Result<()> {
    passes("test_conformance.py")
}

/// The same before a real server; passed over where it is not installed.
fn contracts_before(adapter: &str) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(backend) = Backend::start(adapter, folder.path()) else {
        return Ok(());
    };
    let variables = [
        ("STORE_ADAPTER", adapter.to_owned()),
        ("STORE_MANIFEST", backend.manifest().to_string()),
    ];
    passes_with("test_conformance.py", &variables)
}

#[test]
fn contracts_of_the_sdk_before_redis() -> io::Result<()> {
    contracts_before("redis")
}

#[test]
fn contracts_of_the_sdk_before_postgres() -> io::Result<()> {
    contracts_before("postgres")
}

#[test]
fn contracts_of_the_sdk_before_s3() -> io::Result<()> {
    contracts_before("s3")
}

#[test]
fn bytes() -> io::Result<()> {
    passes("test_bytes.py")
}

#[test]
fn many_at_once() -> io::Result<()> {
    passes("test_parallel.py")
}

#[test]
fn forks_and_ends() -> io::Result<()> {
    passes("test_processes.py")
}

#[test]
fn options_errors_and_events() -> io::Result<()> {
    passes("test_store.py")
}

#[test]
fn page() -> io::Result<()> {
    passes("test_page.py")
}

#[test]
fn the_agents_command() -> io::Result<()> {
    let model = mirrorbox_servers::Model::start()?;
    passes_with("test_agent.py", &model.environment())
}
