//! The files that the pages for contributors name: a page that sends its reader to a file that has moved is wrong.

use std::path::Path;

use super::source::Source;

/// Pages that send their reader into the code.
const PAGES: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Stands for the name of any adapter, and for no file.
const ANY: &str = "NAME";

/// Each file or folder in backquotes that is not there: `PAGE:LINE: PATH`.
pub(super) fn missing(root: &Path, files: &[Source]) -> Vec<String> {
    let pages = files
        .iter()
        .filter(|file| PAGES.iter().any(|page| file.path == Path::new(page)));
    pages.flat_map(|page| missing_of(root, page)).collect()
}

fn missing_of(root: &Path, page: &Source) -> Vec<String> {
    let lines = (1..).zip(page.text.lines());
    let named = lines.flat_map(|(number, line)| quoted(line).map(move |name| (number, name)));
    // A path begins at the root if its first folder does; everything else in backquotes is a name of another kind.
    let is_path = |name: &str| {
        let folder = name.split_once('/').map(|(folder, _)| folder);
        folder.is_some_and(|folder| !folder.is_empty() && root.join(folder).is_dir())
    };
    named
        .filter(|(_, name)| is_path(name) && is_plain(name) && !root.join(name).exists())
        .map(|(number, name)| format!("{}:{number}: {name} is not there", page.path.display()))
        .collect()
}

/// What stands in backquotes in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether it names one file: no pattern, no command, nothing to be filled in, nothing that is built.
fn is_plain(name: &str) -> bool {
    let is_pattern = name.contains(['*', '{', '<', ' ', '=', '(', ':']) || name.contains(ANY);
    !is_pattern && !name.starts_with("target/")
}
