//! The settings of an adapter, plain or from an environment variable or a file; `Debug` never shows a value.
//! `mask` takes secrets out of what an adapter logs and answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// One value under `[config]`: plain, or taken from where secrets live.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// Written in the manifest. Numbers and booleans reach the adapter as text.
    Plain(String),
    /// `{ env = "NAME" }`: the host's environment variable.
    Env(String),
    /// `{ file = "/path" }`: the content of a file, without a line end at its end.
    File(PathBuf),
}

/// Says where a value comes from, never what it is.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(***)"),
            Self::Env(name) => f.debug_tuple("Env").field(name).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

struct SettingVisitor;

impl<'de> Visitor<'de> for SettingVisitor {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false, { env = \"NAME\" } or { file = \"/path\" }")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Setting, E> {
        Ok(Setting::Plain(value.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Setting, E> {
        Ok(Setting::Plain(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Setting, E> {
        Ok(Setting::Plain(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Setting, E> {
        Ok(Setting::Plain(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Setting, E> {
        Ok(Setting::Plain(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Setting, A::Error> {
        let setting = match map.next_key::<String>()?.as_deref() {
            Some("env") => Setting::Env(map.next_value()?),
            Some("file") => Setting::File(map.next_value()?),
            _ => return Err(de::Error::custom("expected { env = \"NAME\" } or { file = \"/path\" }")),
        };
        match map.next_key::<String>()? {
            None => Ok(setting),
            Some(more) => Err(de::Error::custom(format!(
                "unexpected `{more}` beside the source of a secret"
            ))),
        }
    }
}

/// The settings of one destination, every value looked up: what the adapter reads through `wasi:config`.
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// The longest first.
    secrets: Vec<String>,
}

/// Says which settings there are, never their values.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Settings {
    /// Looks every setting up in the environment and in files. The error names the setting and what is missing.
    pub fn resolve(settings: &BTreeMap<String, Setting>) -> Result<Self, String> {
        let mut resolved = Self::default();
        for (name, setting) in settings {
            let value = match setting {
                Setting::Plain(value) => value.clone(),
                Setting::Env(variable) => resolved.secret(from_env(name, variable)?),
                Setting::File(path) => resolved.secret(from_file(name, path)?),
            };
            resolved.values.insert(name.clone(), value);
        }
        Ok(resolved)
    }

    /// The settings as pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The text with every secret value replaced by `***`: whatever a component says passes through here before
    /// anybody sees it.
    ///
    /// The longest goes first, for one secret may stand in another: what is left of it behind a shorter one would be
    /// seen.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in &self.secrets {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), "***"));
            }
        }
        masked
    }

    /// The bytes of the longest secret.
    pub fn longest_secret(&self) -> usize {
        self.secrets.first().map_or(0, String::len)
    }

    fn secret(&mut self, value: String) -> String {
        if !value.is_empty() {
            let place = self.secrets.partition_point(|other| other.len() > value.len());
            self.secrets.insert(place, value.clone());
        }
        value
    }
}

fn from_env(name: &str, variable: &str) -> Result<String, String> {
    std::env::var(variable).map_err(|_| {
        format!("the setting `{name}` wants the environment variable {variable}, which is not set (or not text)")
    })
}

fn from_file(name: &str, path: &PathBuf) -> Result<String, String> {
    let failed = |error: &dyn fmt::Display| format!("the setting `{name}` wants the file {}: {error}", path.display());
    // A fifo or a device would hold us up for as long as it likes.
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err(failed(&"it is not a file")),
        _ => {}
    }
    let content = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    Ok(content.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_and_never_debugged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "hunter2\n").unwrap();
        let settings = BTreeMap::from([
            ("bucket".to_owned(), Setting::Plain("transcripts".to_owned())),
            ("key".to_owned(), Setting::File(path)),
        ]);
        let resolved = Settings::resolve(&settings).unwrap();
        assert_eq!(
            resolved.pairs().collect::<Vec<_>>(),
            [("bucket", "transcripts"), ("key", "hunter2")]
        );
        assert_eq!(resolved.mask("login with hunter2 failed"), "login with *** failed");
        assert!(!format!("{settings:?} {resolved:?}").contains("hunter2"));
        assert!(!format!("{settings:?}").contains("transcripts"));
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = [
            ("a", "admin"),
            ("b", "admin-PASSWORD-123"),
            ("c", "postgres://admin:admin-PASSWORD-123@x"),
        ];
        let settings = secrets.map(|(name, value)| {
            let path = dir.path().join(name);
            std::fs::write(&path, value).unwrap();
            (name.to_owned(), Setting::File(path))
        });
        let resolved = Settings::resolve(&settings.into()).unwrap();
        for (_, secret) in secrets {
            assert_eq!(resolved.mask(secret), "***");
        }
        assert_eq!(resolved.mask("admin: admin-PASSWORD-123"), "***: ***");
    }

    #[test]
    fn a_missing_source_is_named() {
        let settings = BTreeMap::from([("key".to_owned(), Setting::Env("MIRRORBOX_NO_SUCH_VARIABLE".to_owned()))]);
        let error = Settings::resolve(&settings).unwrap_err();
        assert!(
            error.contains("`key`") && error.contains("MIRRORBOX_NO_SUCH_VARIABLE"),
            "{error}"
        );
    }
}
