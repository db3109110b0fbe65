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
fn hosts_transcripts_and_sessions() -> io::Result<()> {
    passes("test_host.py")
}

#[test]
fn stores_written_in_python() -> io::Result<()> {
    passes("test_stores.py")
}

#[test]
fn loads_leak_nothing() -> io::Result<()> {
    passes("test_leaks.py")
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

/// What the wheel is for.
const PYTHONS: [&str; 4] = ["3.10", "3.11", "3.12", "3.13"];

/// A program of some version of Python, wherever pyenv keeps it.
fn python(version: &str, arguments: &[&str]) -> Command {
    let mut python = Command::new(format!("python{version}"));
    let versions = Command::new("pyenv").args(["versions", "--bare"]).output();
    if let Ok(versions) = versions {
        let versions = String::from_utf8_lossy(&versions.stdout);
        python.env(
            "PYENV_VERSION",
            versions.split_whitespace().collect::<Vec<_>>().join(":"),
        );
    }
    python.args(arguments);
    python
}

/// What it printed; fails with what it complained of.
fn said(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    let (said, errors) = (output.stdout, output.stderr);
    let errors = String::from_utf8_lossy(&errors);
    assert!(output.status.success(), "{command:?}: {errors}");
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// The wheel in an environment that has nothing else, for the oldest and the newest Python; in the long form for all of
/// them, and with the agent's SDK. `cargo xtask test` packs it.
#[test]
fn the_wheel_brings_everything() -> io::Result<()> {
    let wheels = built()?.join("wheel");
    let mut wheels = fs::read_dir(&wheels)
        .into_iter()
        .flatten()
        .flatten()
        .map(|wheel| wheel.path());
    let Some(wheel) = wheels.find(|path| path.extension().is_some_and(|end| end == "whl")) else {
        eprintln!("passed over: there is no wheel; `cargo xtask test` packs it");
        return Ok(());
    };
    let is_long = mirrorbox_e2e::amount(0, 1) == 1;
    let short = [PYTHONS[0], PYTHONS[3]];
    for version in if is_long { &PYTHONS[..] } else { &short } {
        if !python(version, &["--version"])
            .output()
            .is_ok_and(|output| output.status.success())
        {
            eprintln!("passed over: there is no Python {version}");
            continue;
        }
        let folder = tempfile::tempdir()?;
        let bin = folder.path().join("bin");
        said(python(version, &["-m", "venv"]).arg(folder.path()))?;
        let mut pip = Command::new(bin.join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "pytest>=8.4,<10"]);
        if is_long {
            pip.arg("claude-agent-sdk==0.2.186");
        }
        said(pip.arg(&wheel))?;
        let command = said(Command::new(bin.join("mirrorbox")).arg("--version"))?;
        assert_eq!(command.trim(), format!("mirrorbox {}", env!("CARGO_PKG_VERSION")));
        let page = here().join("tests/test_page.py");
        let mut pytest = Command::new(bin.join("python"));
        pytest
            .args(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"])
            .arg(page);
        pytest
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("MIRRORBOX_CONFIG");
        println!("Python {version}: {}", said(&mut pytest)?);
        if is_long {
            said(Command::new(bin.join("python")).args(["-c", WITH_THE_SDK]))?;
        }
    }
    Ok(())
}

/// README's lines.
const WITH_THE_SDK: &str = "
from claude_agent_sdk import ClaudeAgentOptions
import mirrorbox
assert mirrorbox.durable(ClaudeAgentOptions()).session_store is not None
assert mirrorbox.wrapped(ClaudeAgentOptions(), task='nightly').cli_path
";
