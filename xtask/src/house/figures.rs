use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use serde::Deserialize;

use super::circles::circles;
use super::source::Source;

/// What readers stumble over: name the actor, and say "returns `None`", "another process", "records".
const PHRASES: [&str; 6] = ["hears of", "is none", "is told", "somebody", "taken down", "whoever"];

/// So many places are named of a figure that grew.
const NAMED: usize = 5;

/// What may only fall.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Figures {
    /// Comments wider than 120 columns.
    wide_comments: usize,
    /// By crate: names that more than one of its types has.
    #[serde(default)]
    names_twice: BTreeMap<String, usize>,
    /// By crate: groups of files that import one another.
    #[serde(default)]
    circles: BTreeMap<String, usize>,
    /// By phrase: how often comments and pages use it.
    #[serde(default)]
    phrases: BTreeMap<String, usize>,
}

impl Figures {
    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    pub(super) fn of(files: &[Source]) -> Result<Self> {
        let twice = names_twice(files)
            .into_iter()
            .map(|(folder, names)| (folder, names.len()));
        let phrases = PHRASES.map(|phrase| (phrase.to_owned(), places_of(files, phrase).len()));
        let circles = circles(files)?.into_iter();
        Ok(Self {
            wide_comments: wide_comments(files).len(),
            names_twice: twice.collect(),
            circles: circles.map(|(folder, circles)| (folder, circles.len())).collect(),
            phrases: phrases.into(),
        })
    }

    /// What is more here than in `allowed`, with some of the places in `files`. What `allowed` does not have is 0.
    pub(super) fn beyond(&self, allowed: &Self, files: &[Source]) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.wide_comments > allowed.wide_comments {
            let (places, of) = (last(&wide_comments(files)), allowed.wide_comments);
            complaints.push(format!(
                "{} comments are too wide, {of} were: {places}",
                self.wide_comments
            ));
        }
        let more = |figures: &BTreeMap<String, usize>, name: &String, count: usize| {
            let before = figures.get(name).copied().unwrap_or_default();
            (count > before).then_some(before)
        };
        for (folder, &count) in &self.names_twice {
            if let Some(before) = more(&allowed.names_twice, folder, count) {
                let names = names_twice(files).remove(folder).unwrap_or_default().join(", ");
                complaints.push(format!(
                    "{folder}: {count} type names occur twice, {before} did: {names}"
                ));
            }
        }
        for (folder, &count) in &self.circles {
            if let Some(before) = more(&allowed.circles, folder, count) {
                // They were read before.
                let circles = circles(files).unwrap_or_default().remove(folder).unwrap_or_default();
                complaints.push(format!(
                    "{folder}: {count} circles of files that import one another, {before} before: {}",
                    circles.join("; ")
                ));
            }
        }
        for (phrase, &count) in &self.phrases {
            if let Some(before) = more(&allowed.phrases, phrase, count) {
                let places = last(&places_of(files, phrase));
                complaints.push(format!(
                    "{phrase:?} stands in {count} places, {before} before: {places}"
                ));
            }
        }
        complaints
    }
}

/// As `xtask/house.toml` has it.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# What `cargo xtask house` counts, and what may only fall; `--write` writes it anew.\n"
        )?;
        writeln!(f, "wide-comments = {}", self.wide_comments)?;
        for (title, figures) in [
            ("names-twice", &self.names_twice),
            ("circles", &self.circles),
            ("phrases", &self.phrases),
        ] {
            writeln!(f, "\n[{title}]")?;
            for (name, count) in figures {
                writeln!(f, "{name:?} = {count}")?;
            }
        }
        Ok(())
    }
}

fn wide_comments(files: &[Source]) -> Vec<String> {
    files.iter().flat_map(Source::wide_comments).collect()
}

fn places_of(files: &[Source], phrase: &str) -> Vec<String> {
    files.iter().flat_map(|file| file.places_of(phrase)).collect()
}

/// By crate.
fn names_twice(files: &[Source]) -> BTreeMap<String, Vec<&str>> {
    let mut crates = BTreeMap::<String, BTreeMap<&str, usize>>::new();
    for file in files {
        let Some(folder) = file.of_crate() else { continue };
        let names = crates.entry(folder.to_owned()).or_default();
        for name in file.types() {
            *names.entry(name).or_default() += 1;
        }
    }
    crates.retain(|_, names| {
        names.retain(|_, count| *count > 1);
        !names.is_empty()
    });
    let names_alone = |(folder, names): (String, BTreeMap<_, _>)| (folder, names.into_keys().collect());
    crates.into_iter().map(names_alone).collect()
}

fn last(places: &[String]) -> String {
    let some = places.get(places.len().saturating_sub(NAMED)..).unwrap_or_default();
    let dots = if some.len() < places.len() { "…, " } else { "" };
    format!("{dots}{}", some.join(", "))
}
