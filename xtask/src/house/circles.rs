//! Circles: files of a crate that import one another, through others or directly.
//!
//! An import leads to the file of the module that defines what is imported: what a module re-exports is followed. That
//! a module and those below it import one another is how they are one; it makes no circle.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use syn::{Item, UseTree, Visibility};

use super::source::Source;

/// Names from the crate's root, without the crate's own.
type ModulePath = Vec<String>;

/// How many re-exports are followed to what they name.
const MAX_STEPS: usize = 8;

/// A file of code.
#[derive(Debug, Default)]
struct Module {
    /// What it imports, by the path from the root.
    imports: Vec<ModulePath>,
    /// What it re-exports: under which name, and from where.
    exports: BTreeMap<String, ModulePath>,
}

/// By crate, the modules that are in a circle, one line a circle.
pub(super) fn circles(files: &[Source]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut crates = BTreeMap::<String, BTreeMap<ModulePath, Module>>::new();
    for file in files {
        let Some((folder, path)) = file.module() else { continue };
        let module = read(&file.text, &path).with_context(|| format!("cannot parse {}", file.path.display()))?;
        crates.entry(folder.to_owned()).or_default().insert(path, module);
    }
    let mut found: BTreeMap<_, _> = crates
        .into_iter()
        .map(|(folder, modules)| (folder, circles_of(&modules)))
        .collect();
    found.retain(|_, circles| !circles.is_empty());
    Ok(found)
}

fn circles_of(modules: &BTreeMap<ModulePath, Module>) -> Vec<String> {
    let edges: BTreeMap<_, _> = modules
        .iter()
        .map(|(path, module)| (path, imported(modules, path, module)))
        .collect();
    let reached: BTreeMap<_, _> = modules.keys().map(|path| (path, reach(&edges, path))).collect();
    let mut circles = BTreeSet::new();
    for (path, from_here) in &reached {
        let back = |other: &&&ModulePath| reached.get(**other).is_some_and(|there| there.contains(*path));
        let circle: Vec<_> = from_here.iter().filter(back).map(|other| other.join("::")).collect();
        if from_here.contains(*path) {
            circles.insert(circle.join(", "));
        }
    }
    circles.into_iter().collect()
}

/// The modules that one imports from, itself and what is above or below it left out.
fn imported<'a>(
    modules: &'a BTreeMap<ModulePath, Module>,
    path: &ModulePath,
    module: &Module,
) -> BTreeSet<&'a ModulePath> {
    let defining = module.imports.iter().filter_map(|import| definition(modules, import));
    defining
        .filter(|other| !other.starts_with(path) && !path.starts_with(other))
        .collect()
}

/// The module that defines what a path leads to; `None` for what no file has.
fn definition<'a>(modules: &'a BTreeMap<ModulePath, Module>, path: &[String]) -> Option<&'a ModulePath> {
    let mut path = path.to_vec();
    for _ in 0..MAX_STEPS {
        let (found, module) = (0..=path.len())
            .rev()
            .find_map(|length| modules.get_key_value(path.get(..length)?))?;
        let rest = path.get(found.len()..).unwrap_or_default();
        let Some((target, rest)) = rest
            .split_first()
            .and_then(|(name, rest)| Some((module.exports.get(name)?, rest)))
        else {
            return Some(found);
        };
        path = [target, rest].concat();
    }
    None
}

/// What can be reached from a module along imports.
fn reach<'a>(
    edges: &BTreeMap<&'a ModulePath, BTreeSet<&'a ModulePath>>,
    from: &'a ModulePath,
) -> BTreeSet<&'a ModulePath> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(path) = open.pop() {
        for &next in edges.get(path).into_iter().flatten() {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

fn read(text: &str, path: &ModulePath) -> Result<Module> {
    let file = syn::parse_file(text)?;
    let below: BTreeSet<_> = file.items.iter().filter_map(declared).collect();
    let mut module = Module::default();
    for item in &file.items {
        let Item::Use(item) = item else { continue };
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        for (name, used) in leaves {
            let Some(absolute) = absolute(&used, path, &below) else {
                continue;
            };
            if !matches!(item.vis, Visibility::Inherited) {
                module.exports.insert(name, absolute.clone());
            }
            module.imports.push(absolute);
        }
    }
    Ok(module)
}

/// A module that is declared in a file, and has a file of its own.
fn declared(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    }
}

/// The leaves of a tree of imports: under which name, and the path as it is written.
fn flatten(tree: &UseTree, above: &mut Vec<String>, leaves: &mut Vec<(String, Vec<String>)>) {
    let mut leaf = |name: String, last: Option<String>| {
        let path = above.iter().cloned().chain(last.filter(|last| last != "self"));
        leaves.push((name, path.collect()));
    };
    match tree {
        UseTree::Name(name) => leaf(name.ident.to_string(), Some(name.ident.to_string())),
        UseTree::Rename(name) => leaf(name.rename.to_string(), Some(name.ident.to_string())),
        // The module itself: what is named after it cannot be told apart.
        UseTree::Glob(_) => leaf(String::new(), None),
        UseTree::Path(path) => {
            above.push(path.ident.to_string());
            flatten(&path.tree, above, leaves);
            above.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, above, leaves)),
    }
}

/// The path from the root; `None` if it leads out of the crate.
fn absolute(used: &[String], module: &ModulePath, below: &BTreeSet<String>) -> Option<ModulePath> {
    let (first, rest) = used.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let mut above = module.clone();
            above.pop();
            let ups = rest.iter().take_while(|name| *name == "super").count();
            above.truncate(above.len().saturating_sub(ups));
            Some([&above, rest.get(ups..).unwrap_or_default()].concat())
        }
        name if below.contains(name) => Some([module, used].concat()),
        _ => None,
    }
}
