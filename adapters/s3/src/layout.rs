//! Where everything stands.

use std::ops::RangeInclusive;

use mirrorbox_adapter::SessionKey;
use mirrorbox_adapter::encoding::{self, MAX_FILE_NAME, decode_file_name, encode_file_name};

/// Holds what is no batch. No encoded part of a key has this name.
pub(crate) const SIDE: &str = "~/";
/// Sorts behind every number, and before every letter.
pub(crate) const BEHIND_NUMBERS: &str = ":";

const BATCH: &str = ".jsonl";
const SUMMARY: &str = ".json";
const COVERS: &str = "compacted/";
const SUMMARIES: &str = "summaries/";
const TOMBSTONES: &str = "tombstones/";

/// A part of a key whose folder's name does not tell it.
#[derive(Debug)]
pub(crate) struct Hashed<'a> {
    pub(crate) folder: String,
    pub(crate) part: &'a str,
}

/// Something beside the batches, by its name behind [`SIDE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Cover(RangeInclusive<u64>),
    Summary(u64),
    Tombstone(u64),
}

/// The folder of a project.
pub(crate) fn project(prefix: &str, project_key: &str) -> String {
    format!("{prefix}{}/", part_name(project_key))
}

/// The folder of a session, and of its main transcript.
pub(crate) fn session(prefix: &str, key: &SessionKey) -> String {
    format!("{}{}/", project(prefix, &key.project_key), part_name(&key.session_id))
}

/// The folder of a transcript.
pub(crate) fn stream(prefix: &str, key: &SessionKey) -> String {
    let session = session(prefix, key);
    match &key.subpath {
        Some(subpath) => format!("{session}{}/", subpath_name(subpath)),
        None => session,
    }
}

/// The folders of a transcript that need a note of what they stand for.
pub(crate) fn hashed<'a>(prefix: &str, key: &'a SessionKey) -> Vec<Hashed<'a>> {
    let parts = [
        (project(prefix, &key.project_key), Some(key.project_key.as_str())),
        (session(prefix, key), Some(key.session_id.as_str())),
        (stream(prefix, key), key.subpath.as_deref()),
    ];
    let parts = parts.into_iter().filter_map(|(folder, part)| {
        let part = part.filter(|part| encoding::is_hashed(&part_name(part)))?;
        Some(Hashed { folder, part })
    });
    parts.collect()
}

/// The object that holds what a folder stands for.
pub(crate) fn note(folder: &str) -> String {
    format!("{folder}{SIDE}key")
}

/// Percent-encoded; hashed where that would be too long for an object's key.
pub(crate) fn part_name(part: &str) -> String {
    let name = encoding::encode(part);
    if name.len() <= MAX_FILE_NAME {
        name
    } else {
        encode_file_name(part)
    }
}

/// What [`part_name`] made this of; none if it was hashed, or if it made nothing like it.
pub(crate) fn part_of(name: &str) -> Option<String> {
    let part = encoding::decode(name).or_else(|| decode_file_name(name));
    part.filter(|part| part_name(part) == name)
}

/// Like [`part_name`], but never beginning with a digit: what does is a number, so that a listing of numbers can end
/// at the last, and a listing of subpaths leave them out.
pub(crate) fn subpath_name(subpath: &str) -> String {
    let name = part_name(subpath);
    if is_numeric(&name) { format!("%3{name}") } else { name }
}

/// The name that [`part_name`] gave to what [`subpath_name`] made this of.
pub(crate) fn without_escape(name: &str) -> &str {
    match name.strip_prefix("%3") {
        Some(part) if is_numeric(part) => part,
        _ => name,
    }
}

pub(crate) fn is_numeric(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
}

/// The name of a batch. Numbers sort as text: `u64` has 20 digits at most.
pub(crate) fn batch(number: u64) -> String {
    format!("{number:020}{BATCH}")
}

/// The number in a name that [`batch`] made.
pub(crate) fn batch_number(name: &str) -> Option<u64> {
    number(name.strip_suffix(BATCH)?)
}

/// Behind [`SIDE`]: right before the first cover that may hold that number or one behind it.
pub(crate) fn covers_from(number: u64) -> String {
    format!("{COVERS}{number:020}")
}

/// Whether a name behind [`SIDE`] is among the covers'.
pub(crate) fn is_cover(name: &str) -> bool {
    name.starts_with(COVERS)
}

/// Behind [`SIDE`]: right before the first summary that reaches beyond that number.
pub(crate) fn summaries_beyond(number: u64) -> String {
    format!("{SUMMARIES}{number:020}{SUMMARY}")
}

/// Behind [`SIDE`]: right before the first mark of a tombstone beyond that number.
pub(crate) fn tombstones_beyond(number: u64) -> String {
    format!("{TOMBSTONES}{number:020}")
}

impl Beside {
    /// Its name, behind its transcript's folder. A cover has its last number in front: behind a number, the first cover
    /// is the first that may hold what follows.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Cover(range) => format!("{SIDE}{COVERS}{:020}-{:020}{BATCH}", range.end(), range.start()),
            Self::Summary(through) => format!("{SIDE}{SUMMARIES}{through:020}{SUMMARY}"),
            Self::Tombstone(number) => format!("{SIDE}{TOMBSTONES}{number:020}"),
        }
    }

    /// What has that name behind [`SIDE`].
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let (folder, file) = name.split_at(name.find('/')?.checked_add(1)?);
        match folder {
            COVERS => {
                let (last, first) = file.strip_suffix(BATCH)?.split_once('-')?;
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Cover(first..=last))
            }
            SUMMARIES => number(file.strip_suffix(SUMMARY)?).map(Self::Summary),
            TOMBSTONES => number(file).map(Self::Tombstone),
            _ => None,
        }
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_made_here_have_a_number() {
        assert_eq!(batch_number(&batch(u64::MAX)), Some(u64::MAX));
        for other in ["1.jsonl", "00000000000000000001.json", "99999999999999999999.jsonl"] {
            assert_eq!(batch_number(other), None, "{other}");
        }
    }

    #[test]
    fn what_stands_beside_is_known_by_its_name() {
        for beside in [Beside::Cover(1..=u64::MAX), Beside::Summary(7), Beside::Tombstone(9)] {
            let name = beside.name();
            assert_eq!(Beside::from_name(name.strip_prefix(SIDE).unwrap()), Some(beside));
        }
        let backwards = Beside::Cover(1..=2).name().replace("1.jsonl", "9.jsonl");
        assert_eq!(Beside::from_name(backwards.strip_prefix(SIDE).unwrap()), None);
    }

    #[test]
    fn parts_come_back_and_stay_apart() {
        let dots = ".".repeat(100);
        let long = "0".repeat(300);
        let parts = [
            "a",
            "0",
            "%30",
            "..",
            "~",
            "a:b",
            "0/0",
            "00000000000000000001.jsonl",
            &dots,
            "Ü",
            &long,
        ];
        for part in parts {
            let name = subpath_name(part);
            assert!(!is_numeric(&name) && name != "~" && name.len() < 210, "{name}");
            assert_eq!(
                part_of(without_escape(&name)).as_deref(),
                Some(part).filter(|part| *part != long)
            );
            let same = parts.iter().filter(|other| subpath_name(other) == name).count();
            assert_eq!(same, 1, "{name}");
        }
    }

    #[test]
    fn no_key_is_longer_than_an_object_may_have() {
        let key = SessionKey::main("Ü".repeat(2048), "0".repeat(4096)).with_subpath("9".repeat(200));
        let longest = format!("{}{}", stream(&"p".repeat(256), &key), Beside::Cover(1..=2).name());
        assert!(longest.len() <= 1024, "{}", longest.len());
    }
}
