//! Whether the compiler can make guests: tried, not guessed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

use super::TARGET;
use super::compiler::{Compiler, rustc};

/// A guest that needs the standard library, its allocator and the C library's start-up code.
const GUEST: &str = "#[unsafe(no_mangle)]\n\
                     pub extern \"C\" fn probe() -> usize { std::env::args().map(|word| word.len()).sum() }\n";

/// Links a tiny guest as the real ones are linked: a component, with link-time optimisation, which a standard library
/// without embedded bitcode cannot do. Half a second, so nothing is remembered from one run to the next.
pub(super) fn link(compiler: &Compiler, target_dir: &Path) -> Result<()> {
    // Without the folder the answer is known; rustc would say it at length.
    fs::metadata(compiler.std_folder()).context("it is missing")?;
    let folder = target_dir.join(format!("{TARGET}-probe-{}", process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let linked = component(&folder, GUEST, None).map(drop);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    linked
}

/// Compiles a guest in a folder of its own and returns the component. `sysroot`: where its standard library lies, if
/// that is not the compiler's own.
pub(super) fn component(folder: &Path, guest: &str, sysroot: Option<&Path>) -> Result<PathBuf> {
    fs::write(folder.join("probe.rs"), guest)?;
    let mut rustc = rustc();
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "--target", TARGET]);
    rustc.args([
        "-C",
        "lto=fat",
        "-C",
        "panic=abort",
        "-C",
        "opt-level=1",
        "-o",
        "probe.wasm",
        "probe.rs",
    ]);
    if let Some(sysroot) = sysroot {
        rustc.arg("--sysroot").arg(sysroot);
    }
    crate::process::output(rustc.current_dir(folder))?;
    Ok(folder.join("probe.wasm"))
}
