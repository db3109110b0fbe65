//! Where the servers' programs are, and running one to its end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::ServerError;

/// A program on the path.
pub(crate) fn on_path(program: &'static str) -> Result<PathBuf, ServerError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path).map(|dir| dir.join(program));
    candidates
        .find(|candidate| candidate.is_file())
        .ok_or(ServerError::NotInstalled { program })
}

/// A program of PostgreSQL, of the newest version there is: Debian keeps them off the path.
pub(crate) fn of_postgres(program: &'static str) -> Result<PathBuf, ServerError> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let path = entry.path().join("bin").join(program);
            path.is_file().then_some((version, path))
        })
        .max();
    newest.map_or_else(|| on_path(program), |(_, path)| Ok(path))
}

/// A program that `cargo xtask` installs: into a virtual environment for Python, mostly.
pub(crate) fn installed(program: &'static str) -> Result<PathBuf, ServerError> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    let path = target.join("servers/bin").join(program);
    if path.is_file() {
        Ok(path)
    } else {
        Err(ServerError::NotInstalled { program })
    }
}

/// Runs a program to its end; what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, ServerError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.stdin(Stdio::null()).output();
    let output = ran.map_err(ServerError::io(format!("start `{program}`")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(ServerError::Failed {
        program,
        complaint: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
    })
}
