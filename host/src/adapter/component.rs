//! A component's file: read, told from what it is not, compiled.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::budget::PoolParts;
use super::compiler::{CompileError, Outline, StopCompiling, Watched};
use super::limits::MAX_PARTS;
use super::{AdapterError, ContractError, Language, Runtime, contract};
use crate::config::Manifest;
use crate::config::lock::{Admission, Approvals};
use crate::hex::hex;

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
    /// What it was written in, as far as its bytes say it.
    pub language: Language,
}

impl Inspection {
    /// Looks at a component, and has it compiled if it keeps the contract. Runs nothing of it; blocks while it
    /// compiles.
    pub fn of(runtime: &Runtime, path: &Path) -> Result<Self, AdapterError> {
        inspect(runtime, path, &StopCompiling::default())
    }

    /// [`Inspection::of`] on a thread that may block. Dropped, it ends the process that compiles.
    pub async fn at(runtime: &Arc<Runtime>, path: &Path) -> Result<Self, AdapterError> {
        let (runtime, path, stop) = (runtime.clone(), path.to_owned(), StopCompiling::default());
        let _stop = stop.on_drop();
        blocking(move || inspect(&runtime, &path, &stop)).await
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
    core_instances: u32,
    language: Language,
    is_preview1: bool,
}

impl Compiled {
    /// Reads, checks and compiles the component at `path`. `pinned` is the hex SHA-256 that it must have.
    ///
    /// What is not in the code cache is compiled by another process, in seconds for a large component
    /// ([`Runtime::compile_with`]); a few at a time, the others wait. Dropped, this ends that process.
    pub async fn load(runtime: &Arc<Runtime>, path: &Path, pinned: Option<&str>) -> Result<Self, AdapterError> {
        let (path, pinned) = (path.to_owned(), pinned.map(str::to_owned));
        let kept = {
            let runtime = runtime.clone();
            blocking(move || kept(&runtime, path, pinned.as_deref())).await?
        };
        let fresh = match kept {
            MaybeCompiled::Compiled(compiled) => return Ok(compiled),
            MaybeCompiled::Uncompiled(fresh) => fresh,
        };
        let place = runtime.compiler().places().clone().acquire_owned().await;
        let (runtime, stop) = (runtime.clone(), StopCompiling::default());
        let _stop = stop.on_drop();
        blocking(move || {
            let compiled = fresh.compile(&runtime, &stop);
            drop(place);
            compiled
        })
        .await
    }

    /// Holds what the component imports and `manifest` grants against what was approved under `name`. Blocks for the
    /// disk.
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

    /// What one instance of it is made of.
    pub(super) fn parts(&self) -> PoolParts {
        // What is not known is instances of modules that are imported, and those no linker has.
        let required = self.component.resources_required();
        let (memories, tables) = required.map_or((0, 0), |required| (required.num_memories, required.num_tables));
        [1, self.core_instances.min(MAX_PARTS as u32), memories, tables]
    }

    /// What it was written in, as far as its bytes say it.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Whether a module of it was built for WASI preview 1 and is adapted: such a module cannot sync a folder.
    pub fn is_preview1(&self) -> bool {
        self.is_preview1
    }

    /// The names of what it imports, with their versions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AdapterError> + Send + 'static,
) -> Result<T, AdapterError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| AdapterError::Start(error.to_string()))?
}

/// A component that may have been compiled before.
enum MaybeCompiled {
    Compiled(Compiled),
    Uncompiled(Uncompiled),
}

fn kept(runtime: &Runtime, path: PathBuf, pinned: Option<&str>) -> Result<MaybeCompiled, AdapterError> {
    let fresh = Uncompiled::read(path)?;
    if let Some(expected) = pinned.filter(|expected| !expected.eq_ignore_ascii_case(&fresh.sha256)) {
        return Err(AdapterError::Digest {
            path: fresh.path,
            expected: expected.to_owned(),
            found: fresh.sha256,
        });
    }
    match runtime.compiler().kept(runtime.engine(), &fresh.sha256) {
        Some(component) => Ok(MaybeCompiled::Compiled(fresh.into_compiled(runtime, component)?)),
        None => Ok(MaybeCompiled::Uncompiled(fresh)),
    }
}

fn inspect(runtime: &Runtime, path: &Path, stop: &StopCompiling) -> Result<Inspection, AdapterError> {
    let fresh = Uncompiled::read(path.to_owned())?;
    let contract = match fresh.component(runtime, stop) {
        Ok(component) => contract::check(&component, runtime.linker()),
        Err(AdapterError::Contract { source, .. }) => Err(source),
        Err(error) => return Err(error),
    };
    Ok(Inspection {
        path: fresh.path,
        sha256: fresh.sha256,
        size: fresh.bytes.len() as u64,
        language: fresh.language,
        exports: fresh.look.exports,
        imports: fresh.look.imports,
        contract,
    })
}

/// A component that was read and looked at, and may not have been compiled.
struct Uncompiled {
    path: PathBuf,
    sha256: String,
    bytes: Vec<u8>,
    look: Outline,
    language: Language,
}

impl Uncompiled {
    fn read(path: PathBuf) -> Result<Self, AdapterError> {
        let bytes = read(&path)?;
        let not_a_component = |reason| AdapterError::NotAComponent {
            path: path.clone(),
            reason,
        };
        check_format(&bytes).map_err(not_a_component)?;
        let look = Outline::at(&bytes).map_err(|error| not_a_component(incomplete(&error.to_string())))?;
        Ok(Self {
            sha256: sha256(&bytes),
            language: Language::of(&bytes, &look.producers),
            path,
            bytes,
            look,
        })
    }

    fn compile(self, runtime: &Runtime, stop: &StopCompiling) -> Result<Compiled, AdapterError> {
        let component = self.component(runtime, stop)?;
        self.into_compiled(runtime, component)
    }

    fn into_compiled(self, runtime: &Runtime, component: Component) -> Result<Compiled, AdapterError> {
        self.keeps_contract(contract::check(&component, runtime.linker()).map(drop))?;
        Ok(Compiled {
            imports: contract::imports(&component),
            component,
            sha256: self.sha256,
            core_instances: self.look.core_instances,
            language: self.language,
            is_preview1: self.look.is_preview1,
        })
    }

    /// Its compiled form. What does not keep the contract is not compiled: its names say so, or its types do, without
    /// its code.
    fn component(&self, runtime: &Runtime, stop: &StopCompiling) -> Result<Component, AdapterError> {
        let (compiler, engine) = (runtime.compiler(), runtime.engine());
        if let Some(component) = compiler.kept(engine, &self.sha256) {
            return Ok(component);
        }
        self.keeps_contract(contract::check_names(&self.look.exports, &self.look.imports))?;
        let hollow = compiler.hollow(engine, &self.sha256, &self.bytes, stop);
        let hollow = hollow.map_err(|error| self.not_compiled(error))?;
        self.keeps_contract(contract::check(&hollow, runtime.linker()).map(drop))?;
        let _watched = Watched::begin(&self.path, self.bytes.len() as u64, compiler.keeps());
        let compiled = compiler.compile(engine, &self.sha256, &self.bytes, &self.look, stop);
        compiled.map_err(|error| self.not_compiled(error))
    }

    fn keeps_contract(&self, checked: Result<(), ContractError>) -> Result<(), AdapterError> {
        checked.map_err(|source| AdapterError::Contract {
            path: self.path.clone(),
            source,
            language: self.language,
        })
    }

    fn not_compiled(&self, error: CompileError) -> AdapterError {
        let path = self.path.clone();
        match error {
            CompileError::NotAComponent(reason) => AdapterError::NotAComponent {
                path,
                reason: incomplete(&reason),
            },
            CompileError::TooMuch(reason) => AdapterError::TooCostly { path, reason },
            other => AdapterError::Compiler {
                path,
                reason: other.to_string(),
            },
        }
    }
}

fn incomplete(cause: &str) -> String {
    format!("{cause}; if it was copied here, it may be incomplete: copy it again")
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

/// Before it is opened: a fifo would block until another process writes to it, and a huge file be read up to the limit.
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

fn check_format(bytes: &[u8]) -> Result<(), String> {
    let reason = match bytes.split_at_checked(MAGIC.len()) {
        _ if bytes.is_empty() => "the file is empty; copy it again",
        Some((MAGIC, rest)) if rest.starts_with(COMPONENT) => return Ok(()),
        Some((MAGIC, rest)) if rest.starts_with(MODULE) => {
            let producers = Outline::at(bytes).map(|look| look.producers).unwrap_or_default();
            let advice = Language::of(bytes, &producers).componentize();
            return Err(format!("it is a core module; {advice}"));
        }
        Some((MAGIC, _)) => "it is cut short or of an unknown WebAssembly version; copy or build it again",
        _ => "it does not begin like WebAssembly at all",
    };
    Err(reason.to_owned())
}

/// Hex SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
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
