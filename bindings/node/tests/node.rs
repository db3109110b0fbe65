//! The tests of the Node package, which are JavaScript's own, as tests of cargo. `cargo xtask test` installs what they
//! want into `target/node-oracle`; where that is missing they say so and are passed over.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mirrorbox_e2e::Backend;

/// A folder with the package as it was built just now, and with the agent's SDK beside it.
struct Installed {
    folder: PathBuf,
    /// The other runtime that the contracts of the SDK are run by; its types' compiler lies there, too.
    programs: PathBuf,
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

/// The package's folder, with what is native in its place.
fn lay_out(package: &Path, built: &Path) -> io::Result<()> {
    for folder in ["lib", "bin", "native"] {
        fs::create_dir_all(package.join(folder))?;
    }
    fs::copy(here().join("package.json"), package.join("package.json"))?;
    for file in fs::read_dir(here().join("lib"))? {
        let file = file?.path();
        fs::copy(&file, package.join("lib").join(file.file_name().unwrap_or_default()))?;
    }
    let native = package.join("native/mirrorbox.node");
    fs::copy(built.join("deps/libmirrorbox_node.so"), native)?;
    // Not copied: it is large.
    symlink(built.join("mirrorbox"), package.join("bin/mirrorbox"))
}

fn install() -> io::Result<Option<Installed>> {
    let built = built()?;
    let oracle = built.parent().unwrap_or(&built).join("node-oracle/node_modules");
    if !oracle.join("bun").is_dir() {
        eprintln!(
            "passed over: there is no {}; `cargo xtask test` makes it",
            oracle.display()
        );
        return Ok(None);
    }
    let folder = built.join("node-package");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let modules = folder.join("node_modules");
    lay_out(&modules.join("mirrorbox"), &built)?;
    for module in ["@anthropic-ai", "@types", "typescript", "undici-types"] {
        symlink(oracle.join(module), modules.join(module))?;
    }
    for file in fs::read_dir(here().join("tests"))? {
        let file = file?.path();
        if file.extension().is_some_and(|end| end != "rs") {
            fs::copy(&file, folder.join(file.file_name().unwrap_or_default()))?;
        }
    }
    let programs = oracle.join(".bin");
    Ok(Some(Installed { folder, programs }))
}

fn installed() -> io::Result<Option<&'static Installed>> {
    let installed = INSTALLED.get_or_init(|| install().map_err(|error| error.to_string()));
    let installed = installed.as_ref();
    Ok(installed.map_err(|error| io::Error::other(error.clone()))?.as_ref())
}

/// Runs a program in the folder; fails with what it printed.
fn passes(program: &Path, arguments: &[&str], variables: &[(&str, String)]) -> io::Result<()> {
    let Some(Installed { folder, .. }) = installed()? else {
        return Ok(());
    };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_remove("MIRRORBOX_CONFIG")
        .env("PAGE", here().join("../../docs/node.md"))
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{said}{errors}");
    assert!(output.status.success(), "{arguments:?}");
    Ok(())
}

/// Runs the tests of one file under Node.
fn passes_under_node(file: &str, variables: &[(&str, String)]) -> io::Result<()> {
    passes(Path::new("node"), &["--test", file], variables)
}

#[test]
fn contracts_of_the_sdk() -> io::Result<()> {
    passes_under_node("contracts.test.mjs", &[])
}

#[test]
fn contracts_of_the_sdk_under_bun() -> io::Result<()> {
    let Some(Installed { programs, .. }) = installed()? else {
        return Ok(());
    };
    passes(&programs.join("bun"), &["test", "./contracts.test.mjs"], &[])
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
    passes_under_node("contracts.test.mjs", &variables)
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
fn store_options_and_ends() -> io::Result<()> {
    passes_under_node("store.test.mjs", &[])
}

#[test]
fn loads_leak_nothing() -> io::Result<()> {
    passes(Path::new("node"), &["--expose-gc", "--test", "leaks.test.mjs"], &[])
}

#[test]
fn page() -> io::Result<()> {
    passes_under_node("page.test.mjs", &[])
}

#[test]
fn types() -> io::Result<()> {
    let Some(Installed { programs, .. }) = installed()? else {
        return Ok(());
    };
    passes(&programs.join("tsc"), &["--project", "tsconfig.json"], &[])
}

/// The tarball in a folder that has nothing else, installed by npm. `cargo xtask test` packs it.
#[test]
fn the_tarball_brings_everything() -> io::Result<()> {
    let packed = built()?.join("npm");
    let mut packed = fs::read_dir(&packed).into_iter().flatten().flatten();
    let Some(tarball) = packed.next().map(|entry| entry.path()) else {
        eprintln!("passed over: there is no tarball; `cargo xtask test` packs it");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("package.json"), "{}")?;
    let run = |command: &mut Command| -> io::Result<String> {
        let output = command.current_dir(folder.path()).output()?;
        let (said, errors) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(output.status.success(), "{command:?}: {errors}");
        Ok(String::from_utf8_lossy(&said).into_owned())
    };
    run(Command::new("npm")
        .args(["install", "--silent", "--offline", "--no-audit"])
        .arg(&tarball))?;
    let version = run(Command::new("npx").args(["--no-install", "mirrorbox", "--version"]))?;
    assert_eq!(version.trim(), format!("mirrorbox {}", env!("CARGO_PKG_VERSION")));
    for file in ["support.mjs", "page.test.mjs"] {
        fs::copy(here().join("tests").join(file), folder.path().join(file))?;
    }
    let page = here().join("../../docs/node.md");
    let said = run(Command::new("node")
        .args(["--test", "page.test.mjs"])
        .env_remove("MIRRORBOX_CONFIG")
        .env("PAGE", page))?;
    println!("{said}");
    Ok(())
}

#[test]
fn the_agents_command() -> io::Result<()> {
    let model = mirrorbox_servers::Model::start()?;
    passes_under_node("agent.test.mjs", &model.environment())
}
