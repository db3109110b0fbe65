//! Parts of WebAssembly that are not there: what has no code in the host has no faults there.

use std::fs;
use std::path::Path;

use mirrorbox::adapter::{AdapterError, Inspection};
use mirrorbox_e2e::runtime;

use crate::raw::Raw;

/// 64-bit memories, threads, garbage collection, exceptions and their like.
#[test]
fn modules_with_more_than_a_synchronous_component_needs_are_refused() {
    for (what, part) in [
        ("memory64", "(memory i64 1)"),
        ("a 64-bit table", "(table i64 1 funcref)"),
        ("a shared memory", "(memory 1 1 shared)"),
        ("gc", "(type (struct (field i32)))"),
        ("exceptions", "(tag)"),
    ] {
        let (_dir, path) = Raw::new().with(part).write();
        let refused = Inspection::of(&runtime(), &path).map(drop);
        println!("{what}: {refused:?}");
        assert!(
            matches!(refused, Err(AdapterError::NotAComponent { .. })),
            "{what}: {refused:?}"
        );
    }
}

/// The versions that have the faults of which only a version can tell: code generation, the tables of the compiler.
#[test]
fn the_engine_is_of_the_long_term_line_with_its_fixes() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap();
    let (_, wasmtime) = lock.split_once("name = \"wasmtime\"\nversion = \"").unwrap();
    let (version, _) = wasmtime.split_once('"').unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts >= vec![48, 0, 8], "{version}");
    assert!(
        !lock.contains("name = \"wasmtime-internal-winch\""),
        "the other compiler is not even compiled"
    );
    assert_eq!(
        lock.matches("name = \"wasmtime\"\n").count(),
        1,
        "types of two engines never meet"
    );
}
