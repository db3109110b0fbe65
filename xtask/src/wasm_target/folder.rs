//! Sources from a folder that was put together by hand: no server is needed but the crate registry.

use std::fs;
use std::path::{Path, absolute};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::compiler::Compiler;
use super::std_build::StdSources;
use crate::{process, system_packages};

/// Debian's wasi-libc, with the paths of the package: `usr/lib/wasm32-wasip2/…`.
pub(super) const LIBC_ARCHIVE: &str = "wasi-libc-wasip2.tar.xz";

/// The archive with the folder `library` of a compiler's sources.
pub(super) fn library_archive(release: &str) -> String {
    format!("rust-library-{release}.tar.xz")
}

/// Unpacks both archives.
pub(super) fn fetch(folder: &Path, compiler: &Compiler, scratch: &Path) -> Result<StdSources> {
    let folder = absolute(folder)?;
    let library = folder.join(library_archive(&compiler.release));
    let libc = folder.join(LIBC_ARCHIVE);
    for archive in [&library, &libc] {
        ensure!(archive.is_file(), "there is no file {}", archive.display());
    }
    system_packages::ensure(&[system_packages::XZ])?;
    let libc_folder = scratch.join("libc");
    fs::create_dir(&libc_folder)?;
    unpack(&library, scratch, 0)?;
    unpack(&libc, &libc_folder, 3)?;
    Ok(StdSources {
        library: scratch.join("library"),
        libc: libc_folder,
    })
}

/// `strip`: how many leading folders of each path are dropped.
fn unpack(archive: &Path, into: &Path, strip: u32) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.arg("-xJf")
        .arg(archive)
        .arg("-C")
        .arg(into)
        .arg(format!("--strip-components={strip}"));
    process::output(&mut tar)
        .map(drop)
        .with_context(|| format!("cannot unpack {}", archive.display()))
}
