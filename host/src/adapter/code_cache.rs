//! Compiled components on disk: one is compiled once, and mapped into memory at every later start.
//!
//! What is kept here is native code. Its directory is for its owner alone, and never lies where components are dropped:
//! who may drop a component must not thereby be able to drop native code.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::AdapterError;
use crate::config::check_file;
use crate::disk::{Disk, Folder, replace_by};

const SUFFIX: &str = "cwasm";

/// What was compiled this long ago is compiled again when it is wanted: 90 days. So old versions go away by themselves.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A private directory with a file per component and engine.
#[derive(Debug)]
pub(super) struct CodeCache {
    dir: PathBuf,
}

impl CodeCache {
    /// Makes the directory, or makes sure that nobody else can have written to it.
    pub(super) fn open(dir: &Path) -> Result<Self, AdapterError> {
        private_dir(dir).map_err(|source| AdapterError::Cache {
            path: dir.to_owned(),
            source,
        })?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// What was compiled before. Returns `None` if there is nothing of it, or nothing that this engine can use.
    pub(super) fn kept(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        map(engine, &self.path(engine, sha256))
    }

    /// The component with that digest from its code, which this process or its compiler has just made; kept for the
    /// next start. A cache that cannot be written costs the next start the time to compile, never the component.
    pub(super) fn keep(&self, engine: &Engine, sha256: &str, code: &[u8]) -> wasmtime::Result<Component> {
        let path = self.path(engine, sha256);
        if let Err(error) = self.write(&path, code) {
            tracing::warn!("compiled code cannot be kept in {}: {error}", self.dir.display());
        }
        match map(engine, &path) {
            Some(component) => Ok(component),
            None => load(engine, code),
        }
    }

    /// Another engine, or this one with other settings, has files of its own.
    pub(super) fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.dir.join(format!("{sha256}-{:016x}.{SUFFIX}", hasher.finish()))
    }

    /// Written whole and synced before it gets its name; replaced by another, never changed.
    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        self.remove_old();
        let disk = Folder::open_existing(&self.dir)?;
        let name = path.strip_prefix(&self.dir).map_err(io::Error::other)?;
        // Other processes may write the same.
        let temporary = PathBuf::from(format!("{}.new", Uuid::new_v4().simple()));
        replace_by(&disk, &temporary, name, code).inspect_err(|_| {
            // What stays is removed when it is old.
            let _ = disk.remove(&temporary);
        })
    }

    /// As far as that can be done: what stays costs space, nothing else.
    fn remove_old(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > KEPT)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Maps a kept component. `None` if it is missing, or was made by another version of the engine.
fn map(engine: &Engine, path: &Path) -> Option<Component> {
    if !path.is_file() {
        return None;
    }
    // Neither the file nor anything on the way to it may be another's to change.
    if let Err(error) = check_file(path) {
        tracing::warn!("compiled code that is kept is not used: {error}");
        return None;
    }
    // SAFETY: the file must hold what `Engine::precompile_component` made, and must not change while it is mapped.
    // Only `CodeCache::write` gives files such a name: it writes what that function returned under another name, syncs
    // it, then renames it, so the name never stands for a part of it, and it replaces files but changes none. Nobody
    // else can: the directory was made for its owner alone, or found to be the owner's and closed to all others before
    // anything in it was looked at (`private_dir`), and that owner is who runs this process. What an engine of another
    // version or configuration made carries that in its header, and wasmtime refuses it.
    #[allow(unsafe_code, reason = "there is no safe way to skip compiling")]
    let mapped = unsafe { Component::deserialize_file(engine, path) };
    mapped
        .inspect_err(|error| tracing::debug!("{} is compiled again: {error:#}", path.display()))
        .ok()
}

/// Loads code that was never anywhere but in this process and in the one that compiled it for it.
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `Engine::precompile_component` made. They are from `Compiler::code` alone: made in
    // this process, or read from the pipe to a process that it started itself, of this very program or of the command
    // that the user of this program named, and that ended saying that it had written all of what that function made.
    // An attacker who can replace that command could as well replace this program. Code of another version or
    // configuration carries that in its header, and wasmtime refuses it.
    #[allow(unsafe_code, reason = "there is no safe way to use what another process compiled")]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// Makes a directory that nobody else can write to, and refuses one that another user could have written to.
#[cfg(unix)]
fn private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let metadata = fs::metadata(dir)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(
            "it belongs to another user; name a state directory of your own",
        ));
    }
    if metadata.mode() & 0o022 != 0 && fs::read_dir(dir)?.next().is_some() {
        return Err(io::Error::other(
            "others can write to it; remove it, it will be made anew",
        ));
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn private_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// The smallest component there is.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn code(engine: &Engine) -> Vec<u8> {
        engine.precompile_component(EMPTY).unwrap()
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_component_is_compiled_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&dir.path().join("state/cache")).unwrap();
        let engine = Engine::default();
        assert!(cache.kept(&engine, "digest").is_none());
        cache.keep(&engine, "digest", &code(&engine)).unwrap();
        let [kept] = &files(&cache.dir)[..] else {
            panic!("{:?}", files(&cache.dir));
        };
        assert!(cache.kept(&engine, "digest").is_some());
        assert!(cache.kept(&engine, "other").is_none());
        fs::write(kept, "damaged").unwrap();
        assert!(cache.kept(&engine, "digest").is_none());
        cache.keep(&engine, "digest", &code(&engine)).unwrap();
        assert!(cache.kept(&engine, "digest").is_some());
        cache.keep(&engine, "digest", b"no code").unwrap_err();
    }

    #[test]
    fn a_cache_that_cannot_be_written_costs_time_only() {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&dir.path().join("cache")).unwrap();
        fs::remove_dir(&cache.dir).unwrap();
        let engine = Engine::default();
        cache.keep(&engine, "digest", &code(&engine)).unwrap();
    }

    #[test]
    fn what_is_old_goes() {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(dir.path()).unwrap();
        let old = dir.path().join("old.cwasm");
        let file = File::create(&old).unwrap();
        let long_ago = std::time::SystemTime::now() - KEPT - Duration::from_secs(1);
        file.set_modified(long_ago).unwrap();
        let engine = Engine::default();
        cache.keep(&engine, "digest", &code(&engine)).unwrap();
        assert!(!old.exists());
        assert_eq!(files(dir.path()).len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_directory_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("state/cache");
        CodeCache::open(&cache).unwrap();
        assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_others_could_fill_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(dir.path().join("code"), "native").unwrap();
        let error = CodeCache::open(dir.path()).unwrap_err();
        assert!(matches!(error, AdapterError::Cache { .. }), "{error}");
    }
}
