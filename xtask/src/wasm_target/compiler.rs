//! The compiler that the guests will be built with.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::TARGET;
use crate::process;

/// What has to be known of a compiler to give it a standard library.
#[derive(Debug)]
pub(super) struct Compiler {
    /// The version: `1.95.0`.
    pub(super) release: String,
    /// The commit it was built from, where it says so.
    pub(super) commit: Option<String>,
    /// `lib/rustlib` in its sysroot: a folder per target.
    pub(super) targets: PathBuf,
}

impl Compiler {
    /// The compiler that cargo would take.
    pub(super) fn find() -> Result<Compiler> {
        let version = process::output(rustc().arg("-vV")).context("there is no Rust compiler: see rust-lang.org")?;
        let sysroot = process::output(rustc().args(["--print", "sysroot"]))?;
        Compiler::parse(&version, sysroot.trim_end().into())
    }

    pub(super) fn parse(version: &str, sysroot: PathBuf) -> Result<Compiler> {
        let field = |name| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        Ok(Compiler {
            release: field("release:").context("`rustc -vV` names no release")?,
            commit: field("commit-hash:").filter(|hash| hash != "unknown"),
            targets: sysroot.join("lib").join("rustlib"),
        })
    }

    /// Where the target's standard library belongs.
    pub(super) fn std_folder(&self) -> PathBuf {
        self.targets.join(TARGET)
    }
}

/// The command of the compiler that cargo would take.
pub(super) fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verbose_version_is_read() {
        let version = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 5980\nrelease: 1.95.0\n";
        let compiler = Compiler::parse(version, "/sys".into()).unwrap();
        assert_eq!(
            (compiler.release.as_str(), compiler.commit.as_deref()),
            ("1.95.0", Some("5980"))
        );
        assert_eq!(compiler.std_folder(), PathBuf::from("/sys/lib/rustlib/wasm32-wasip2"));
    }

    #[test]
    fn a_compiler_from_a_distribution_knows_no_commit() {
        let compiler = Compiler::parse("commit-hash: unknown\nrelease: 1.97.1\n", "/usr".into()).unwrap();
        assert_eq!(compiler.commit, None);
    }
}
