//! Components of a configuration that are replaced by others.

use std::fs;
use std::path::{Path, PathBuf};

use mirrorbox_e2e::{Installation, adapter, test_guest};

/// The same component with another digest: a section is added that nobody reads.
pub(crate) fn another_build(of: &Path) -> Vec<u8> {
    let mut bytes = fs::read(of).unwrap();
    let section = b"\x05buildanother";
    bytes.extend([0, u8::try_from(section.len()).unwrap()]);
    bytes.extend(section);
    bytes
}

/// Where the installation's only adapter lies.
pub(crate) fn place(installed: &Installation) -> PathBuf {
    installed.config.join("adapters/fs.wasm")
}

/// A manifest for a folder, with lines before its grants.
pub(crate) fn write_manifest(installed: &Installation, top: &str, grants: &str) {
    let text = format!("{top}\n[grants]\n{grants}\n");
    fs::write(place(installed).with_extension("toml"), text).unwrap();
}

/// The grant that `init` writes.
pub(crate) fn store_grant(installed: &Installation) -> String {
    format!("dirs = [{{ host = {:?}, guest = \"/data\" }}]", installed.store)
}

/// Puts a component that imports more into the place of the fs adapter. It keeps its data in a folder below.
pub(crate) fn replace_by_one_that_imports_more(installed: &Installation) {
    fs::copy(test_guest("faulty"), place(installed)).unwrap();
    write_manifest(installed, "[config]\nfolder = \"/data\"", &store_grant(installed));
}

/// Puts the fs adapter back.
pub(crate) fn put_back(installed: &Installation) {
    write_manifest(installed, "", &store_grant(installed));
    fs::copy(adapter("fs"), place(installed)).unwrap();
}

/// Whether anything was stored. What an adapter leaves when it opens is hidden.
pub(crate) fn is_empty(installed: &Installation) -> bool {
    let mut names = fs::read_dir(&installed.store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    names.all(|name| name.to_str().unwrap().starts_with('.'))
}
