//! The files of each language's folder, and what is filled in.

use std::borrow::Cow;
use std::path::Path;

use crate::error::CliError;

/// A place below the folder, and what stands there.
type File = (&'static str, &'static [u8]);

/// By language. `build.rs` collects them.
const LANGUAGES: &[(&str, &[File])] = &include!(concat!(env!("OUT_DIR"), "/languages.rs"));

/// The files of a language.
pub(super) fn files(language: &str) -> impl Iterator<Item = File> {
    let known = LANGUAGES.iter().find(|(name, _)| *name == language);
    known.into_iter().flat_map(|(_, files)| files.iter().copied())
}

/// What stands for the name, for what the name is called among crates, and for the granted folder.
#[derive(Debug)]
pub(super) struct Filled {
    name: String,
    crate_name: String,
    data: String,
}

impl Filled {
    pub(super) fn of(name: &str, data: &Path) -> Result<Self, CliError> {
        let data = data.to_str().ok_or_else(|| {
            CliError::failed(format!("{} is not a name that a manifest can hold", data.display()))
                .advise("a manifest is UTF-8: work in another folder")
        })?;
        Ok(Self {
            name: name.to_owned(),
            crate_name: name.replace('-', "_"),
            // JSON has no need to escape this one, and TOML wants it.
            data: serde_json::Value::from(data).to_string().replace('\u{7f}', "\\u007f"),
        })
    }

    /// Where a file goes. Names that would mean something here are spelt otherwise in the repository.
    pub(super) fn name_of(&self, place: &str) -> String {
        let place = place.replace("__NAME__", &self.name);
        let place = place.strip_suffix(".in").unwrap_or(&place);
        match place {
            "gitignore" => ".gitignore".to_owned(),
            _ => place.to_owned(),
        }
    }

    /// What is no text stays as it is.
    pub(super) fn text<'a>(&self, content: &'a [u8]) -> Cow<'a, [u8]> {
        let Ok(text) = str::from_utf8(content) else {
            return Cow::Borrowed(content);
        };
        let text = text.replace("__NAME__", &self.name);
        let text = text.replace("__CRATE__", &self.crate_name);
        Cow::Owned(text.replace("__DATA__", &self.data).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JSON string is a TOML string, too, but for what TOML writes otherwise: nothing in a path that is text.
    #[test]
    fn what_is_filled_in_is_toml() {
        let data = Path::new("/srv/a \"b\" \\c\u{7}\u{7f}/ü");
        let filled = Filled::of("my-store", data).unwrap();
        let manifest = filled.text(b"[grants]\ndirs = [{ host = __DATA__, guest = \"/data\" }]");
        let manifest = str::from_utf8(&manifest).unwrap();
        let parsed = mirrorbox::config::Manifest::parse(Path::new("/adapters/x.toml"), manifest).unwrap();
        assert_eq!(parsed.grants.dirs.len(), 1);
        assert_eq!(filled.name_of("Cargo.toml.in"), "Cargo.toml");
        assert_eq!(filled.name_of("__NAME__.toml"), "my-store.toml");
        assert_eq!(&*filled.text(b"__CRATE__.wasm \xff"), b"__CRATE__.wasm \xff");
    }
}
