//! The settings of an adapter, read by name and type; unknown names are refused.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::str::FromStr;

use crate::{Error, Result};

/// What the manifest's `[config]` says, as text; read as any type that can be parsed.
///
/// Each setting that was asked for is a known one. [`Settings::finish`] refuses the others, so that a misspelt name is
/// told and not ignored.
///
/// ```
/// use mirrorbox_adapter::{Error, Settings};
///
/// let settings = Settings::from_pairs([("bucket", "transcripts"), ("prefx", "a/")]);
/// let bucket = settings.required::<String>("bucket")?;
/// let prefix = settings.or("prefix", String::new())?;
/// let attempts = settings.optional::<u32>("attempts")?;
/// assert_eq!((bucket.as_str(), prefix.as_str(), attempts), ("transcripts", "", None));
/// let error = settings.finish().unwrap_err().to_string();
/// assert_eq!(error, "misconfigured: unknown setting `prefx`; known are `attempts`, `bucket`, `prefix`");
/// # Ok::<(), Error>(())
/// ```
pub struct Settings {
    values: BTreeMap<String, String>,
    known: RefCell<BTreeSet<String>>,
}

impl fmt::Debug for Settings {
    /// Names only: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Settings {
    /// Settings that do not come from a host: for native use and tests.
    pub fn from_pairs<K: Display, V: Display>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let values = pairs.into_iter();
        Self {
            values: values
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            known: RefCell::default(),
        }
    }

    /// A setting that must be there.
    pub fn required<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        self.optional(name)?
            .ok_or_else(|| Error::Misconfigured(format!("setting `{name}` is missing: add it under [config]")))
    }

    /// A setting that may be left out.
    ///
    /// A value that is not a `T` is [`Error::Misconfigured`], with what `T` says about it; so `T` must not quote a
    /// value that is secret.
    pub fn optional<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>> {
        self.known.borrow_mut().insert(name.to_owned());
        let Some(value) = self.values.get(name) else {
            return Ok(None);
        };
        let parsed = value.parse();
        parsed
            .map(Some)
            .map_err(|error| Error::Misconfigured(format!("setting `{name}` is not a {}: {error}", type_name::<T>())))
    }

    /// A setting that has a default.
    pub fn or<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    /// Refuses the settings that nobody asked for, naming them and the known ones.
    pub fn finish(&self) -> Result<()> {
        let known = self.known.borrow();
        let unknown: Vec<_> = self.values.keys().filter(|name| !known.contains(*name)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let plural = if unknown.len() == 1 { "" } else { "s" };
        let unknown = quoted(unknown);
        let known = match known.len() {
            0 => "there are none".to_owned(),
            1 => format!("known is {}", quoted(known.iter())),
            _ => format!("known are {}", quoted(known.iter())),
        };
        Err(Error::Misconfigured(format!(
            "unknown setting{plural} {unknown}; {known}"
        )))
    }
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// `u32` rather than `core::num::u32`.
fn type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::from_pairs([("port", "70000"), ("password", "hunter2")])
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = settings().required::<String>("bucket").unwrap_err();
        assert_eq!(
            error.to_string(),
            "misconfigured: setting `bucket` is missing: add it under [config]"
        );
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = settings().optional::<u16>("port").unwrap_err();
        assert_eq!(
            error.to_string(),
            "misconfigured: setting `port` is not a u16: number too large to fit in target type"
        );
    }

    #[test]
    fn a_default_stands_in_only_where_nothing_is_set() {
        assert_eq!(settings().or("attempts", 3), Ok(3));
        assert_eq!(settings().or("port", 1), Ok(70000));
    }

    #[test]
    fn every_unknown_setting_is_named() {
        let error = settings().finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "misconfigured: unknown settings `password`, `port`; there are none"
        );
    }

    #[test]
    fn asked_for_is_known_even_where_it_is_not_set() {
        let settings = settings();
        settings.optional::<u32>("port").unwrap();
        settings.optional::<String>("password").unwrap();
        settings.optional::<String>("user").unwrap();
        assert_eq!(settings.finish(), Ok(()));
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", settings()), r#"{"password", "port"}"#);
    }
}
