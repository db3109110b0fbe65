//! A session's summary, its title among it: a fold over the entries of its main transcript.
//!
//! Each entry is folded once, when it is appended, so that listing sessions reads no transcripts. The state goes with
//! the transcript as JSON, in the members that the agent's Python SDK uses too.

use std::fmt;

use crate::agent_format::{EntryFields, prompt_in};
use crate::transcript::members::{self, each_member, quoted};

/// The most bytes that one text of a summary holds; longer ones are cut. Whatever an entry says, a listing stays small.
const MAX_TEXT: usize = 16 << 10;

/// When an entry was written, in Unix milliseconds, if it says so.
pub(crate) fn time_of(entry: &[u8]) -> Option<u64> {
    unix_ms(&EntryFields::read(entry)?)
}

fn unix_ms(entry: &EntryFields<'_>) -> Option<u64> {
    u64::try_from(entry.time()?.as_millis()).ok()
}

/// What is known of a session after the entries so far.
///
/// Folding entry by entry, with the state stored and read in between or not, gives the same as folding all at once.
///
/// ```
/// use mirrorbox::summary::Fold;
///
/// let mut fold = Fold::new();
/// fold.fold(br#"{"type":"user","message":{"content":"Fix the build"},"timestamp":"2026-05-01T10:00:00.001Z"}"#);
/// let mut fold = Fold::from_json(&fold.to_json())?;
/// fold.fold(br#"{"type":"custom-title","customTitle":"The build"}"#);
/// let info = fold.info().ok_or("nothing to show")?;
/// assert_eq!((info.summary.as_str(), info.created_at), ("The build", Some(1_777_629_600_001)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fold {
    /// Whether the very first entry was one of a sidechain; unset before it.
    is_sidechain: Option<bool>,
    /// The first time that could be read, in Unix milliseconds.
    created_at: Option<u64>,
    /// `first_prompt` is final.
    first_prompt_locked: bool,
    texts: Texts,
    /// Members that a newer version wrote, raw.
    other: Vec<(String, String)>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Texts {
    cwd: Option<String>,
    first_prompt: Option<String>,
    command_fallback: Option<String>,
    custom_title: Option<String>,
    ai_title: Option<String>,
    last_prompt: Option<String>,
    summary_hint: Option<String>,
    git_branch: Option<String>,
    tag: Option<String>,
}

/// What a listing shows of a session. Nothing here is empty.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SessionInfo {
    /// One text that stands for the session: its title, else its latest prompt, the agent's summary, its first prompt.
    pub summary: String,
    /// The title that a user or the agent gave it.
    pub custom_title: Option<String>,
    /// What was asked first, at most 201 characters.
    pub first_prompt: Option<String>,
    /// The newest git branch.
    pub git_branch: Option<String>,
    /// The first working directory.
    pub cwd: Option<String>,
    /// The newest tag.
    pub tag: Option<String>,
    /// When it began, in Unix milliseconds.
    pub created_at: Option<u64>,
}

/// How the members of a summary are named, for the SDK that reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyStyle {
    /// `first_prompt`: the Python SDK's, and what is stored.
    #[default]
    Snake,
    /// `firstPrompt`: the TypeScript SDK's.
    Camel,
}

/// Why text is no summary. Fold the transcript anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldError {
    /// Not the text of a JSON object.
    #[error("the summary is not a JSON object: {0}")]
    Syntax(String),
    /// A member has a value of the wrong type.
    #[error("the summary's member {0:?} has a value of the wrong type")]
    Type(&'static str),
}

impl Fold {
    /// The state before the first entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state that [`Fold::to_json`] wrote. Members that are not known are kept.
    pub fn from_json(json: &str) -> Result<Self, FoldError> {
        let mut fold = Self::new();
        let mut wrong = None;
        let read = each_member(json, |key, value| {
            if let Err(name) = fold.set(key, value) {
                wrong = Some(name);
            }
        });
        read.map_err(|error| FoldError::Syntax(error.to_string()))?;
        wrong.map_or(Ok(fold), |name| Err(FoldError::Type(name)))
    }

    /// The state as a JSON object.
    pub fn to_json(&self) -> String {
        self.to_json_in(KeyStyle::Snake)
    }

    /// The state as a JSON object for one of the SDKs. Only [`KeyStyle::Snake`] can be read again here.
    pub fn to_json_in(&self, style: KeyStyle) -> String {
        let mut members = Vec::new();
        members.extend(self.is_sidechain.map(|is| ("is_sidechain", is.to_string())));
        members.extend(self.created_at.map(|at| ("created_at", at.to_string())));
        members.extend(
            self.first_prompt_locked
                .then(|| ("first_prompt_locked", "true".to_owned())),
        );
        for (name, text) in self.texts.named() {
            members.extend(text.as_ref().map(|text| (name, quoted(text))));
        }
        let known = members
            .into_iter()
            .map(|(name, value)| format!("\"{}\":{value}", style.member(name)));
        let other = self.other.iter().map(|(key, value)| format!("{key}:{value}"));
        format!("{{{}}}", known.chain(other).collect::<Vec<_>>().join(","))
    }

    /// Takes in the next entry of the main transcript, with or without its LF. What is no JSON object is passed over.
    pub fn fold(&mut self, line: &[u8]) {
        let Some(entry) = EntryFields::read(line) else { return };
        self.is_sidechain.get_or_insert(entry.is_sidechain == "true");
        self.created_at = self.created_at.or_else(|| unix_ms(&entry));
        let texts = &mut self.texts;
        if texts.cwd.is_none() {
            texts.cwd = text(entry.cwd).filter(|cwd| !cwd.is_empty());
        }
        for (newest, found) in [
            (&mut texts.custom_title, entry.custom_title),
            (&mut texts.ai_title, entry.ai_title),
            (&mut texts.last_prompt, entry.last_prompt),
            (&mut texts.summary_hint, entry.summary),
            (&mut texts.git_branch, entry.git_branch),
        ] {
            if let Some(found) = text(found) {
                *newest = Some(found);
            }
        }
        if entry.is_tag() {
            texts.tag = text(entry.tag).filter(|tag| !tag.is_empty());
        }
        self.fold_prompt(&entry);
    }

    fn fold_prompt(&mut self, entry: &EntryFields<'_>) {
        if self.first_prompt_locked || !entry.is_prompt() {
            return;
        }
        let found = prompt_in(entry.message);
        if self.texts.command_fallback.as_ref().is_none_or(String::is_empty) {
            self.texts.command_fallback = found.command.map(cut).or(self.texts.command_fallback.take());
        }
        if let Some(prompt) = found.prompt {
            self.texts.first_prompt = Some(prompt);
            self.first_prompt_locked = true;
        }
    }

    /// What was asked first; the first slash command where nothing else was.
    pub(crate) fn first_prompt(&self) -> Option<&str> {
        let found = match self.first_prompt_locked {
            true => &self.texts.first_prompt,
            false => &self.texts.command_fallback,
        };
        found.as_deref().filter(|text| !text.is_empty())
    }

    /// What a listing shows; none for a sidechain, and where there is nothing to show.
    pub fn info(&self) -> Option<SessionInfo> {
        if self.is_sidechain == Some(true) {
            return None;
        }
        let texts = &self.texts;
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let first_prompt = self.first_prompt().map(str::to_owned);
        let custom_title = some(&texts.custom_title).or_else(|| some(&texts.ai_title));
        let summary = custom_title
            .clone()
            .or_else(|| some(&texts.last_prompt))
            .or_else(|| some(&texts.summary_hint))
            .or_else(|| first_prompt.clone())?;
        Some(SessionInfo {
            summary,
            custom_title,
            first_prompt,
            git_branch: some(&texts.git_branch),
            cwd: some(&texts.cwd),
            tag: some(&texts.tag),
            created_at: self.created_at,
        })
    }

    /// Sets the member with a raw key to a raw value; an error names it.
    fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        let name = members::string(key).unwrap_or_default();
        match name.as_ref() {
            "is_sidechain" => self.is_sidechain = parsed("is_sidechain", value)?,
            "created_at" => self.created_at = parsed("created_at", value)?,
            "first_prompt_locked" => {
                self.first_prompt_locked = parsed("first_prompt_locked", value)?.unwrap_or_default();
            }
            name => match self.texts.named_mut().into_iter().find(|(known, _)| *known == name) {
                Some((known, place)) => *place = present(value).map(|raw| text(raw).ok_or(known)).transpose()?,
                None => self.other.push((key.to_owned(), value.to_owned())),
            },
        }
        Ok(())
    }
}

impl fmt::Debug for Fold {
    /// Without the texts: they are of a user's conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold")
            .field("is_sidechain", &self.is_sidechain)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

impl KeyStyle {
    /// A member's name, given as it is stored.
    fn member(self, name: &str) -> String {
        let mut words = name.split('_');
        match self {
            Self::Snake => name.to_owned(),
            Self::Camel => {
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |mut member, word| {
                    let mut letters = word.chars();
                    member.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
                    member + letters.as_str()
                })
            }
        }
    }
}

impl Texts {
    fn named(&self) -> [(&'static str, &Option<String>); 9] {
        [
            ("cwd", &self.cwd),
            ("first_prompt", &self.first_prompt),
            ("command_fallback", &self.command_fallback),
            ("custom_title", &self.custom_title),
            ("ai_title", &self.ai_title),
            ("last_prompt", &self.last_prompt),
            ("summary_hint", &self.summary_hint),
            ("git_branch", &self.git_branch),
            ("tag", &self.tag),
        ]
    }

    fn named_mut(&mut self) -> [(&'static str, &mut Option<String>); 9] {
        [
            ("cwd", &mut self.cwd),
            ("first_prompt", &mut self.first_prompt),
            ("command_fallback", &mut self.command_fallback),
            ("custom_title", &mut self.custom_title),
            ("ai_title", &mut self.ai_title),
            ("last_prompt", &mut self.last_prompt),
            ("summary_hint", &mut self.summary_hint),
            ("git_branch", &mut self.git_branch),
            ("tag", &mut self.tag),
        ]
    }
}

/// A raw value, unless it is null.
fn present(value: &str) -> Option<&str> {
    (value != "null").then_some(value)
}

fn parsed<T: std::str::FromStr>(name: &'static str, value: &str) -> Result<Option<T>, &'static str> {
    present(value).map(|raw| raw.parse().map_err(|_| name)).transpose()
}

/// What a raw value says if it is a string, cut to what a summary holds.
fn text(raw: &str) -> Option<String> {
    members::string(raw).map(cut)
}

fn cut<'a>(text: impl Into<std::borrow::Cow<'a, str>>) -> String {
    let text = text.into();
    match text.get(..text.floor_char_boundary(MAX_TEXT)) {
        Some(start) if start.len() < text.len() => start.to_owned(),
        _ => text.into_owned(),
    }
}

#[cfg(test)]
mod tests;
