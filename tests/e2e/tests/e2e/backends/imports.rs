//! What the components of adapters may ask for is read by somebody before it grows: `imports/NAME.txt` has it.

use std::fs;
use std::path::Path;

use mirrorbox::adapter::Inspection;
use mirrorbox_e2e::{adapter, runtime};

/// Without versions: those follow the compiler.
fn imports(name: &str) -> Vec<String> {
    let inspection = Inspection::of(&runtime(), &adapter(name)).unwrap();
    let without_version = |import: &String| import.split('@').next().unwrap_or_default().to_owned();
    let mut imports: Vec<_> = inspection.imports.iter().map(without_version).collect();
    imports.sort();
    imports.dedup();
    imports
}

#[test]
fn adapters_import_what_was_reviewed_and_no_more() {
    for name in ["fs", "s3", "redis", "postgres"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("imports/{name}.txt"));
        let reviewed = fs::read_to_string(&file).unwrap();
        let found = imports(name).join("\n") + "\n";
        assert_eq!(
            found,
            reviewed,
            "the imports of {name} changed: read what is new, then write it to {}",
            file.display()
        );
    }
}
