use serde::Deserialize;

/// `[mirror]` in a manifest: what comes to a destination, when, and how it gets on with other hosts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MirrorSettings {
    /// When what is appended is delivered.
    pub flush: Flush,
    /// What to do where other hosts write to the same stream.
    pub writers: Writers,
    /// Patterns of project keys; `*` stands for any text.
    pub projects: Vec<String>,
}

/// When what is appended is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flush {
    /// At the end of a turn, with 500 entries or 1 MiB, and after 5 seconds.
    #[default]
    Batched,
    /// At once; what comes while a batch is under way joins the next one.
    Eager,
}

/// What to do where other hosts write to the same stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writers {
    /// Everybody's lines are kept, each host's in its own order.
    #[default]
    Merge,
    /// The host that took the stream over last writes; the others stop, raise an alarm and keep their lines.
    Last,
}

impl Default for MirrorSettings {
    fn default() -> Self {
        Self {
            flush: Flush::default(),
            writers: Writers::default(),
            projects: vec!["*".to_owned()],
        }
    }
}

impl MirrorSettings {
    /// Whether a project's transcripts come here.
    ///
    /// ```
    /// use mirrorbox::config::MirrorSettings;
    ///
    /// let projects = vec!["-srv-*".into(), "tenant-a".into()];
    /// let mirror = MirrorSettings { projects, ..MirrorSettings::default() };
    /// assert!(mirror.takes("-srv-app") && mirror.takes("tenant-a"));
    /// assert!(!mirror.takes("tenant-ab"));
    /// ```
    pub fn takes(&self, project_key: &str) -> bool {
        self.projects.iter().any(|pattern| matches(pattern, project_key))
    }
}

/// Whether `text` is the pattern's literal pieces in order, with anything where a `*` stands.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_keys() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("*b*", "abc", true),
            ("*b*d", "abcd", true),
            ("*b*d", "abdc", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
