//! Adapters as core modules written by hand: what no compiler would make of the contract.

use std::path::{Path, PathBuf};

use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox_e2e::runtime;
use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::fixture::manifest;

/// What the functions return where nothing else is said: `open` an info without a capability, `name` a `raw`, the
/// others the error `unsupported`. The memory begins with 64 KiB for answers; behind that, arguments are put.
const DEFAULTS: &str = r#"
    (data (i32.const 1024) "\00\00\00\00\00\00\00\00\60\04\00\00\03\00\00\00\60\04\00\00\03\00\00\00\00")
    (data (i32.const 1120) "raw")
    (data (i32.const 1280) "\01\00\00\00\00\00\00\00\07")
"#;

/// An allocator that never frees, as `cabi_realloc`: it grows what grows, and keeps what shrinks.
const ALLOCATOR: &str = r#"
    (global $heap (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $new i32) (result i32)
        (local $at i32)
        (if (i32.le_u (local.get $new) (local.get $had)) (then (return (local.get $old))))
        (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
        (global.set $heap (i32.add (local.get $at) (local.get $new)))
        (memory.copy (local.get $at) (local.get $old) (local.get $had))
        (local.get $at))
"#;

/// The functions of the contract with their parameters.
const FUNCTIONS: &[(&str, &str)] = &[
    ("open", ""),
    ("append", "i32"),
    ("load", "i32 i32 i32 i32 i32 i32 i32 i64 i32"),
    ("end", "i32 i32 i32 i32 i32 i32 i32"),
    ("list-subkeys", "i32 i32 i32 i32 i32 i32 i32 i32"),
    ("list-projects", "i32 i32 i32 i32"),
    ("list-sessions", "i32 i32 i32 i32 i32 i32"),
    ("find-session", "i32 i32 i32 i32"),
    (
        "delete",
        "i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i64 i32 i32 i32 i32",
    ),
    ("compact", "i32 i32 i32 i32 i32 i32 i32 i64"),
];

/// An adapter that is put together from WebAssembly's text format.
#[derive(Debug)]
pub(crate) struct Raw {
    bodies: Vec<(&'static str, String)>,
    more: String,
    pages: u32,
    strings: StringEncoding,
    /// Modules of one memory beside its own.
    memories: u32,
}

impl Raw {
    pub(crate) fn new() -> Self {
        Self {
            bodies: Vec::new(),
            more: String::new(),
            pages: 16,
            strings: StringEncoding::UTF8,
            memories: 0,
        }
    }

    /// What a function does; it leaves the address of its answer.
    pub(crate) fn function(mut self, name: &'static str, body: impl Into<String>) -> Self {
        self.bodies.push((name, body.into()));
        self
    }

    /// An answer of a function: bytes in the text format, from address 2048 on.
    pub(crate) fn answer(self, name: &'static str, bytes: &str) -> Self {
        self.with(&format!("(data (i32.const 2048) \"{bytes}\")"))
            .function(name, "i32.const 2048")
    }

    /// More parts of the module.
    pub(crate) fn with(mut self, parts: &str) -> Self {
        self.more += parts;
        self
    }

    /// How much memory it has, in pages of 64 KiB.
    pub(crate) fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// So many modules more, of one memory each, as in a component that was put together from others.
    pub(crate) fn memories(mut self, memories: u32) -> Self {
        self.memories = memories;
        self
    }

    /// How it writes strings.
    pub(crate) fn strings(mut self, strings: StringEncoding) -> Self {
        self.strings = strings;
        self
    }

    fn module(&self) -> String {
        let functions: String = FUNCTIONS
            .iter()
            .map(|(name, params)| {
                let usual = if *name == "open" {
                    "i32.const 1024"
                } else {
                    "i32.const 1280"
                };
                let body = self.bodies.iter().find(|(its, _)| its == name);
                let body = body.map_or(usual, |(_, body)| body);
                let export = format!("mirrorbox:adapter/session-store@0.1.0#{name}");
                format!("(func (export \"{export}\") (param {params}) (result i32) {body})\n")
            })
            .collect();
        let (pages, more) = (self.pages, &self.more);
        format!("(module (memory (export \"memory\") {pages}) {DEFAULTS} {ALLOCATOR} {functions} {more})")
    }

    /// The component's file.
    pub(crate) fn write(&self) -> (TempDir, PathBuf) {
        let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/adapter.wit");
        let mut resolve = Resolve::default();
        let package = resolve.push_file(contract).unwrap();
        let world = resolve.select_world(&[package], Some("adapter")).unwrap();
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, self.strings).unwrap();
        // What is valid is for the engine to say.
        let encoder = ComponentEncoder::default();
        let mut component = encoder.validate(false).module(&module).unwrap().encode().unwrap();
        add_memories(&mut component, self.memories);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raw.wasm");
        std::fs::write(&path, component).unwrap();
        (dir, path)
    }

    /// Opens it under this manifest.
    pub(crate) async fn open(&self, text: &str) -> Result<Adapter, AdapterError> {
        let (_dir, path) = self.write();
        Self::open_at(&path, text).await
    }

    /// Opens a component that was written.
    pub(crate) async fn open_at(path: &Path, text: &str) -> Result<Adapter, AdapterError> {
        Adapter::load(&runtime(), "raw", path, &manifest(text)).await
    }
}

/// Appends modules of one memory to a component's bytes, and an instance of each.
fn add_memories(component: &mut Vec<u8>, memories: u32) {
    const MODULE: u8 = 1;
    const INSTANCE: u8 = 2;
    let module = wat::parse_str("(module (memory 0))").unwrap();
    let before = modules(component);
    for memory in 0..memories {
        section(component, MODULE, &module);
        // One instance, of that module, without arguments.
        let mut instance = vec![1, 0];
        leb128(&mut instance, before + memory);
        instance.push(0);
        section(component, INSTANCE, &instance);
    }
}

/// How many modules stand in a component's own sections.
fn modules(component: &[u8]) -> u32 {
    // Behind the magic number and the version.
    let (mut at, mut modules) = (8, 0);
    while at < component.len() {
        modules += u32::from(component[at] == 1);
        at += 1;
        let (mut size, mut shift) = (0, 0);
        loop {
            let byte = component[at];
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += size;
    }
    modules
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    leb128(component, u32::try_from(content.len()).unwrap());
    component.extend_from_slice(content);
}

fn leb128(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
