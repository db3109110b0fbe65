use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// When an append is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledge {
    /// As soon as the entries are on local disk: no backend can hold the agent up.
    #[default]
    Local,
    /// Once every destination has them, however long that takes.
    Remote,
}

/// How long the spool keeps what every destination has.
///
/// In `mirrorbox.toml`: `keep = "forever"`, `"until-delivered"`, or a time such as `"7d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// For good.
    Forever,
    /// Until it is delivered.
    UntilDelivered,
    /// For so long after it was delivered, by the wall clock. Streams of a living process are kept whole.
    For(Duration),
}

impl Default for Keep {
    /// A week: a destination that is found empty can be delivered again.
    fn default() -> Self {
        Self::For(Duration::from_secs(7 * 24 * 60 * 60))
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "forever" => Ok(Self::Forever),
            "until-delivered" => Ok(Self::UntilDelivered),
            time => humantime::parse_duration(time)
                .map(Self::For)
                .map_err(|_| de::Error::custom("keep is \"forever\", \"until-delivered\" or a time such as \"7d\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct KeepFile {
        keep: Keep,
    }

    fn keep(text: &str) -> Result<Keep, String> {
        let file: Result<KeepFile, _> = toml::from_str(&format!("keep = \"{text}\""));
        file.map(|file| file.keep).map_err(|error| error.to_string())
    }

    #[test]
    fn keep_is_a_word_or_a_time() {
        assert_eq!(keep("forever"), Ok(Keep::Forever));
        assert_eq!(keep("until-delivered"), Ok(Keep::UntilDelivered));
        assert_eq!(keep("36h"), Ok(Keep::For(Duration::from_secs(36 * 60 * 60))));
        assert!(keep("a while").unwrap_err().contains("until-delivered"));
    }
}
