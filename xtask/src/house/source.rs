use std::path::{Path, PathBuf};

/// How wide a comment may be.
const WIDTH: usize = 120;

/// A file of code or a page, by its path from the root.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

pub(super) fn is_code(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "rs")
}

impl Source {
    pub(super) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// What is written for people, with its line's number: comments, or all of a page.
    fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_page = !is_code(&self.path);
        let lines = (1..).zip(self.text.lines());
        lines.filter(move |(_, line)| is_page || line.trim_start().starts_with("//"))
    }

    /// The places of a phrase, whatever its case: `PATH:LINE`.
    pub(super) fn places_of(&self, phrase: &str) -> Vec<String> {
        let here = self.words().flat_map(|(number, line)| {
            let count = line.to_lowercase().matches(phrase).count();
            std::iter::repeat_n(number, count)
        });
        here.map(|number| format!("{}:{number}", self.path.display())).collect()
    }

    /// The places of comments that are too wide.
    pub(super) fn wide_comments(&self) -> Vec<String> {
        if !is_code(&self.path) {
            return Vec::new();
        }
        let wide = self.words().filter(|(_, line)| line.chars().count() > WIDTH);
        wide.map(|(number, _)| format!("{}:{number}", self.path.display()))
            .collect()
    }

    /// The crate that this file is a part of, as the folder with its `Cargo.toml`; `None` for tests.
    pub(super) fn of_crate(&self) -> Option<&str> {
        let path = self.path.to_str()?;
        let (folder, file) = path.split_once("/src/")?;
        let is_test = file.ends_with("tests.rs") || file.contains("/tests/") || file.starts_with("tests/");
        (!is_test).then_some(folder)
    }

    /// The crate, and the path of the file's module in it; `None` for tests, and for programs beside the crate.
    pub(super) fn module(&self) -> Option<(&str, Vec<String>)> {
        let folder = self.of_crate()?;
        let file = self.path.to_str()?.strip_prefix(folder)?.strip_prefix("/src/")?;
        let path = file.strip_suffix(".rs")?;
        match path {
            "lib" | "main" => Some((folder, Vec::new())),
            _ if path.starts_with("bin/") => None,
            _ => Some((folder, path.split('/').map(str::to_owned).collect())),
        }
    }

    /// The types that are declared, those of tests left out.
    pub(super) fn types(&self) -> impl Iterator<Item = &str> {
        let code = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        code.lines().filter_map(declared)
    }
}

/// The name in `pub(crate) struct NAME<T> {`.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let is_type = words
        .next()
        .is_some_and(|word| ["struct", "enum", "trait"].contains(&word));
    let name = words.next().filter(|_| is_type)?;
    let end = name.find(|char: char| !char.is_alphanumeric() && char != '_');
    name.get(..end.unwrap_or(name.len())).filter(|name| !name.is_empty())
}
