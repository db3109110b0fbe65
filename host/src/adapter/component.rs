//! A component's file: read, told from what it is not, compiled.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::{AdapterError, ContractError, Runtime, contract};
use crate::config::Manifest;
use crate::config::lock::{Admission, Approvals};

/// The first bytes of every WebAssembly binary, and the four that follow in a module and in a component.
const MAGIC: &[u8] = b"\0asm";
const MODULE: &[u8] = &[1, 0, 0, 0];
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];

/// The largest file that is compiled.
const MAX_SIZE: u64 = crate::config::directory::MAX_COMPONENT;

/// What can be said of a component without running it.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Hex SHA-256 of the file, as a manifest pins it.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// The names of what it exports.
    pub exports: Vec<String>,
    /// The names of what it imports. Importing is not needing: a client library imports what it never calls.
    pub imports: Vec<String>,
    /// The version of the contract that it is taken at, or why it keeps none.
    pub contract: Result<&'static str, ContractError>,
}

impl Inspection {
    /// Compiles a component and looks at it. Runs nothing of it; blocks while it compiles.
    pub fn of(runtime: &Runtime, path: &Path) -> Result<Self, AdapterError> {
        let bytes = read(path)?;
        let sha256 = sha256(&bytes);
        let component = compile(runtime, path, &sha256, &bytes)?;
        Ok(Self {
            path: path.to_owned(),
            sha256,
            size: bytes.len() as u64,
            exports: contract::exports(&component),
            imports: contract::imports(&component),
            contract: contract::check(&component, runtime.linker()),
        })
    }

    /// The versions of the contract that this host speaks, the newest first.
    pub fn contract_versions() -> Vec<&'static str> {
        contract::versions()
    }
}

/// A component that keeps the contract, compiled. Nothing of it has run yet, and nothing is granted to it.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) component: Component,
    sha256: String,
    imports: Vec<String>,
}

impl Compiled {
    /// Reads, checks and compiles the component at `path`. `pinned` is the hex SHA-256 that it must have.
    ///
    /// Compiles on a blocking thread: seconds for a large component that is not in the code cache.
    pub async fn load(runtime: &Arc<Runtime>, path: &Path, pinned: Option<&str>) -> Result<Self, AdapterError> {
        let (runtime, path, pinned) = (runtime.clone(), path.to_owned(), pinned.map(str::to_owned));
        let loading = tokio::task::spawn_blocking(move || load(&runtime, &path, pinned.as_deref()));
        loading.await.map_err(|error| AdapterError::Start(error.to_string()))?
    }

    /// Holds what the component imports and `manifest` grants against what was approved under `name`. Blocks for the disk.
    pub(super) fn admit(
        &self,
        name: &str,
        manifest: &Manifest,
        approvals: &Approvals,
    ) -> Result<Admission, AdapterError> {
        let entry = approvals.entry(&self.sha256, &self.imports, manifest);
        Ok(approvals.admit(name, entry)?)
    }

    /// Hex SHA-256 of the component's file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The names of what it imports, with their versions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }
}

fn load(runtime: &Runtime, path: &Path, pinned: Option<&str>) -> Result<Compiled, AdapterError> {
    let bytes = read(path)?;
    let sha256 = sha256(&bytes);
    if let Some(expected) = pinned.filter(|expected| !expected.eq_ignore_ascii_case(&sha256)) {
        return Err(AdapterError::Digest {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found: sha256,
        });
    }
    let component = compile(runtime, path, &sha256, &bytes)?;
    contract::check(&component, runtime.linker()).map_err(|source| AdapterError::Contract {
        path: path.to_owned(),
        source,
    })?;
    Ok(Compiled {
        imports: contract::imports(&component),
        component,
        sha256,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, AdapterError> {
    check_file(path)?;
    let mut bytes = Vec::new();
    // No further than the limit, whatever the file's length is said to be.
    let read = File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > MAX_SIZE => Err(AdapterError::NotAComponent {
            path: path.to_owned(),
            reason: format!("it is larger than {} MiB", MAX_SIZE >> 20),
        }),
        Ok(_) => Ok(bytes),
        Err(source) => Err(AdapterError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Before it is opened: a fifo would hold us up until somebody writes to it, and a huge file be read up to the limit.
fn check_file(path: &Path) -> Result<(), AdapterError> {
    let reason = match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => "it is not a file".to_owned(),
        Ok(metadata) if metadata.len() > MAX_SIZE => format!("it is larger than {} MiB", MAX_SIZE >> 20),
        // Opening it says what is wrong.
        _ => return Ok(()),
    };
    Err(AdapterError::NotAComponent {
        path: path.to_owned(),
        reason,
    })
}

fn compile(runtime: &Runtime, path: &Path, sha256: &str, bytes: &[u8]) -> Result<Component, AdapterError> {
    let not_a_component = |reason: String| AdapterError::NotAComponent {
        path: path.to_owned(),
        reason,
    };
    check_format(bytes).map_err(|reason| not_a_component(reason.to_owned()))?;
    runtime.compile(sha256, bytes).map_err(|error| {
        let cause = error.root_cause();
        not_a_component(format!(
            "{cause}; if it was copied here, it may be incomplete: copy it again"
        ))
    })
}

fn check_format(bytes: &[u8]) -> Result<(), &'static str> {
    match bytes.split_at_checked(MAGIC.len()) {
        _ if bytes.is_empty() => Err("the file is empty; copy it again"),
        Some((MAGIC, rest)) if rest.starts_with(COMPONENT) => Ok(()),
        Some((MAGIC, rest)) if rest.starts_with(MODULE) => {
            Err("it is a core module; build it for wasm32-wasip2, or turn it into a component with wasm-tools")
        }
        Some((MAGIC, _)) => Err("it is cut short or of an unknown WebAssembly version; copy or build it again"),
        _ => Err("it does not begin like WebAssembly at all"),
    }
}

/// Hex SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_named() {
        for (bytes, expected) in [
            (&b""[..], "empty"),
            (b"hello world", "not begin like"),
            (b"\0asm\x01\0\0\0", "core module"),
            (b"\0asm\x0d", "cut short"),
        ] {
            assert!(check_format(bytes).unwrap_err().contains(expected), "{bytes:?}");
        }
        assert!(check_format(b"\0asm\x0d\0\x01\0").is_ok());
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_SIZE + 1).unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        assert!(error.contains("larger than 256 MiB"), "{error}");
    }
}
