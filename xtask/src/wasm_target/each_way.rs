//! The standard library comes in several ways, and what it imports from the host differs between them: whichever way it
//! came, a guest imports nothing that was not reviewed (`tests/e2e/imports/std.txt`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

use super::compiler::Compiler;
use super::std_build::{self, Scratch, StdSources};
use super::{TARGET, debian, folder, named_folder, probe};
use crate::workspace::Workspace;

/// Asks the standard library for what adapters ask it for: maps, clocks, files, output.
const GUEST: &str = r#"
    use std::{collections::HashMap, fs, thread, time::*};
    #[unsafe(no_mangle)]
    pub extern "C" fn probe() -> usize {
        let (map, begun) = (HashMap::<u32, u32>::new(), Instant::now());
        println!("{:?}", SystemTime::now());
        eprintln!("{:?}", fs::read_dir("/data").map(|entries| entries.count()));
        thread::sleep(Duration::from_millis(1));
        let file = fs::read("/data/file").map_or(0, |bytes| bytes.len());
        map.len() + file + begun.elapsed().subsec_millis() as usize
    }
"#;

type Imports = BTreeSet<String>;

/// A way to the library, and what a guest that was built with it imports; or why that way is out of reach.
struct Tried {
    way: &'static str,
    imports: Result<Imports>,
}

#[test]
fn a_guest_imports_what_was_reviewed_whichever_way_the_library_came() {
    let (workspace, compiler) = (Workspace::load().unwrap(), Compiler::find().unwrap());
    let list = workspace.root.join("tests/e2e/imports/std.txt");
    let reviewed: Imports = fs::read_to_string(&list).unwrap().lines().map(str::to_owned).collect();
    let mut compared = 0;
    for Tried { way, imports } in each_way(&workspace, &compiler) {
        let imports = match imports {
            Ok(imports) => imports,
            Err(reason) => {
                println!("passed over, {way}: {reason:#}");
                continue;
            }
        };
        let new: Vec<_> = imports.difference(&reviewed).collect();
        let list = list.display();
        assert!(
            new.is_empty(),
            "{way}: a guest imports {new:?}: read why, then add it to {list}"
        );
        let unused: Vec<_> = reviewed.difference(&imports).collect();
        println!(
            "{way}: {} imports; of those reviewed, it lacks {unused:?}",
            imports.len()
        );
        assert!(imports.contains("wasi:filesystem/types"), "{way}: {imports:?}");
        compared += 1;
    }
    println!("{compared} ways compared");
}

/// The library that is there, and one that is built from sources: those in the folder are Debian's, so that one of the
/// two builds will do, which takes most of this test's time.
fn each_way(workspace: &Workspace, compiler: &Compiler) -> Vec<Tried> {
    let mut tried = vec![
        Tried {
            way: came(compiler),
            imports: installed(workspace, compiler),
        },
        Tried {
            way: "built from Debian's sources",
            imports: built(workspace, compiler, "debian", |scratch| {
                debian::fetch(compiler, scratch)
            }),
        },
    ];
    if tried.iter().any(|tried| tried.imports.is_err()) {
        let from_folder = || {
            let named = named_folder().context("WASM_STD_SOURCES names no folder")?;
            built(workspace, compiler, "folder", |scratch| {
                folder::fetch(&named, compiler, scratch)
            })
        };
        tried.push(Tried {
            way: "built from the folder of sources",
            imports: from_folder(),
        });
    }
    tried
}

/// How the library came that the compiler has: rustup lists what it installed.
fn came(compiler: &Compiler) -> &'static str {
    let listed = compiler.targets.join(format!("manifest-rust-std-{TARGET}"));
    if listed.is_file() {
        "rustup's"
    } else {
        "the compiler's own, not from rustup"
    }
}

fn installed(workspace: &Workspace, compiler: &Compiler) -> Result<Imports> {
    fs::metadata(compiler.std_folder()).context("the compiler has none (`cargo xtask setup` gets one)")?;
    let scratch = scratch(workspace, "installed")?;
    imports(&probe::component(scratch.path(), GUEST, None)?)
}

/// An error if the sources are out of reach; what cannot be built from them fails the test.
fn built(
    workspace: &Workspace,
    compiler: &Compiler,
    name: &str,
    fetch: impl FnOnce(&Path) -> Result<StdSources>,
) -> Result<Imports> {
    let scratch = scratch(workspace, name)?;
    let sources = fetch(scratch.path())?;
    let library = match std_build::build(compiler, &sources, scratch.path()) {
        Ok(library) => library,
        // The crates that the library depends on come from the registry.
        Err(error)
            if ["download", "registry"]
                .iter()
                .any(|word| format!("{error:#}").contains(word)) =>
        {
            return Err(error);
        }
        Err(error) => panic!("{name}: {error:#}"),
    };
    let sysroot = scratch.path().join("sysroot");
    let targets = sysroot.join("lib").join("rustlib");
    fs::create_dir_all(&targets)?;
    fs::rename(library, targets.join(TARGET))?;
    imports(&probe::component(scratch.path(), GUEST, Some(&sysroot)).unwrap())
}

/// Outside of the toolchain.
fn scratch(workspace: &Workspace, name: &str) -> Result<Scratch> {
    let path: PathBuf = workspace.target.join(format!("std-{name}-{}", process::id()));
    Scratch::at(path.clone()).with_context(|| format!("cannot create {}", path.display()))
}

/// What a component imports from its host, without versions: those follow the compiler.
fn imports(component: &Path) -> Result<Imports> {
    let bytes = fs::read(component)?;
    let mut imports = Imports::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import?.name.name.split('@').next().unwrap_or_default();
                    imports.insert(name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(imports)
}
