//! Project keys: the folder name under which an agent keeps the transcripts of a working directory.

use std::borrow::Cow;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The most UTF-16 units that a directory may lend to its key; a longer one is cut there and a hash follows.
const MAX_UNITS: usize = 200;

/// The project key of a directory: the name of the folder in which the agent keeps the directory's transcripts.
///
/// Links are resolved; of a path that does not exist, what exists of it. Whatever is no ASCII letter or digit becomes
/// `-`, counted in UTF-16 units as the agent does, so different directories can share a key.
///
/// ```
/// use std::path::Path;
/// use mirrorbox::agent_format::project_key;
///
/// assert_eq!(project_key(Path::new("/no-such-place/my_repo.v2")), "-no-such-place-my-repo-v2");
/// ```
pub fn project_key(dir: &Path) -> String {
    let canonical = canonical(dir);
    sanitise(&text(&canonical))
}

/// The project key of a directory where the agent's environment may name one (`CLAUDE_CODE_PROJECT_DIR_NAME`).
///
/// As the agent does, a name counts only with a configuration directory of its own (`CLAUDE_CONFIG_DIR`), and only if
/// it is 1 to 64 ASCII letters, digits, `_` or `-` and no name that Windows keeps for itself. Else the directory
/// decides ([`project_key`]).
pub fn project_key_named(dir: &Path, config_dir_set: bool, name: Option<&str>) -> String {
    match name {
        Some(name) if config_dir_set && is_project_name(name) => name.to_owned(),
        _ => project_key(dir),
    }
}

fn is_project_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed) && !is_windows_device(name)
}

fn is_windows_device(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let numbered = |prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']))
    };
    matches!(name.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// The directory without links, `.` and `..`, as far as it exists.
fn canonical(dir: &Path) -> PathBuf {
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    fs::canonicalize(dir).unwrap_or_else(|_| what_exists(dir))
}

fn what_exists(dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(resolved.pop()),
            other => {
                resolved.push(other);
                resolved = fs::canonicalize(&resolved).unwrap_or(resolved);
            }
        }
    }
    resolved
}

/// A path as the agent's runtime sees it.
fn text(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    if cfg!(windows) {
        return without_verbatim_prefix(&text).into();
    }
    // Only there: elsewhere two normal forms are two directories.
    #[cfg(target_os = "macos")]
    let text = unicode_normalization::UnicodeNormalization::nfc(&*text).collect();
    text
}

/// Rust resolves Windows paths to their verbatim form, which no other runtime shows.
fn without_verbatim_prefix(path: &str) -> String {
    match path.strip_prefix(r"\\?\") {
        Some(rest) => match rest.strip_prefix(r"UNC\") {
            Some(share) => format!(r"\\{share}"),
            None => rest.to_owned(),
        },
        None => path.to_owned(),
    }
}

fn sanitise(path: &str) -> String {
    let mut key: String = path.encode_utf16().map(sanitise_unit).collect();
    if key.len() > MAX_UNITS {
        key.truncate(MAX_UNITS);
        key.push('-');
        key.push_str(&hash(path));
    }
    key
}

fn sanitise_unit(unit: u16) -> char {
    match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii_alphanumeric() => byte.into(),
        _ => '-',
    }
}

/// The agent's hash of a text: 32 bits, 31 times what was before plus each UTF-16 unit; its magnitude to base 36.
fn hash(text: &str) -> String {
    let hash = text
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    base36(hash.unsigned_abs())
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap_or_default());
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests;
