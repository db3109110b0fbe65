//! What the components of adapters may ask for is read by a person before it grows. `imports/std.txt` has what Rust's
//! standard library imports, `imports/NAME.txt` what the adapter NAME imports beyond that.
//!
//! The library decides what it imports: rustup's differs from one that is built from the same sources, and versions
//! differ. So a component need not import all of `std.txt`, and CI's other half of this test holds each way to get the
//! library against it (`each_way` in xtask).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mirrorbox::adapter::Inspection;
use mirrorbox_e2e::{adapter, runtime};

type Imports = BTreeSet<String>;

/// Without versions: those follow the compiler.
fn imports(name: &str) -> Imports {
    let inspection = Inspection::of(&runtime(), &adapter(name)).unwrap();
    let without_version = |import: &String| import.split('@').next().unwrap_or_default().to_owned();
    inspection.imports.iter().map(without_version).collect()
}

fn reviewed(name: &str) -> Imports {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("imports/{name}.txt"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().map(str::to_owned).collect()
}

/// What is wrong with the imports of a component; empty if nothing is.
fn complaints(name: &str, found: &Imports, std: &Imports, own: &Imports) -> Vec<String> {
    let new = found
        .iter()
        .filter(|import| !std.contains(*import) && !own.contains(*import));
    let gone = own.difference(found);
    let twice = own.intersection(std);
    new.map(|import| format!("{name} imports {import}: read why, then add it to imports/{name}.txt"))
        .chain(gone.map(|import| format!("{name} imports {import} no longer: take it out of imports/{name}.txt")))
        .chain(twice.map(|import| format!("imports/{name}.txt repeats {import} of imports/std.txt")))
        .collect()
}

#[test]
fn adapters_import_what_was_reviewed_and_no_more() {
    let std = reviewed("std");
    let adapters = ["fs", "s3", "redis", "postgres"];
    let complaints: Vec<_> = adapters
        .into_iter()
        .flat_map(|name| complaints(name, &imports(name), &std, &reviewed(name)))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_new_import_is_named_whatever_the_standard_library_brings() {
    let set = |imports: &[&str]| imports.iter().copied().map(str::to_owned).collect::<Imports>();
    let (std, own) = (
        set(&["wasi:cli/environment", "wasi:cli/exit"]),
        set(&["wasi:config/store"]),
    );
    for library in [&["wasi:cli/exit"][..], &["wasi:cli/exit", "wasi:cli/environment"], &[]] {
        let mut found = set(library);
        found.extend(own.clone());
        assert_eq!(complaints("fs", &found, &std, &own), [] as [&str; 0]);
        found.insert("wasi:sockets/tcp".to_owned());
        let [new] = &complaints("fs", &found, &std, &own)[..] else {
            panic!("{library:?}: one complaint")
        };
        assert!(new.contains("fs imports wasi:sockets/tcp:"), "{new}");
    }
    let nothing = Imports::new();
    assert!(complaints("fs", &nothing, &std, &own)[0].contains("wasi:config/store no longer"));
    assert!(complaints("fs", &std, &std, &set(&["wasi:cli/exit"]))[0].contains("repeats wasi:cli/exit"));
}
