//! Titles, tags and forks: the very entries that the SDK writes, but for what is new in each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use mirrorbox::host::{Host, Sessions};
use mirrorbox::session::{self, Fork};
use mirrorbox::store::{MemoryStore, Store};
use serde_json::{Value, json};

use crate::made::Made;
use crate::sdk::Oracle;
use crate::sessions::{DIRECTORY, PROJECT, chance, key, store_stream};

const ID: &str = "0b6c9f0e-0000-4000-8000-000000000001";
const DEADLINE: Duration = Duration::from_secs(120);

/// How many sessions are forked.
const FORKS: usize = 300;

/// A host on a store in memory.
struct Here {
    store: Arc<MemoryStore>,
    host: Host,
    _state: tempfile::TempDir,
}

impl Here {
    fn new() -> Self {
        let (state, store) = (tempfile::tempdir().unwrap(), Arc::new(MemoryStore::new()));
        let host = Host::builder(state.path()).store("memory", store.clone());
        Self {
            host: host.build_blocking().unwrap(),
            store,
            _state: state,
        }
    }

    fn sessions(&self) -> Sessions {
        self.host.sessions(PROJECT)
    }

    /// The entries of a session, once they are delivered.
    async fn entries(&self, session: &str) -> Vec<Value> {
        assert!(self.host.flush(DEADLINE).await.unwrap().is_empty());
        let mut entries = session::show(self.store.clone() as Arc<dyn Store>, &key(session, ""));
        let mut found = Vec::new();
        while let Some(entry) = entries.next().await.unwrap() {
            found.push(serde_json::from_slice(&entry.line).unwrap());
        }
        found
    }
}

fn texts(rng: &mut Rng) -> Vec<String> {
    const PIECES: &[&str] = &[
        "a",
        "B",
        " ",
        "\n",
        "\u{1c}",
        "\u{a0}",
        "\u{200b}",
        "\u{200f}",
        "\u{202e}",
        "\u{2066}",
        "\u{feff}",
        "\u{e000}",
        "\u{f8ff}",
        "\u{378}",
        "\u{ad}",
        "\u{600}",
        "\u{fb01}",
        "\u{2126}",
        "e\u{301}",
        "\u{1f600}",
        "\u{e0041}",
        "\u{f0000}",
        "\u{fffe}",
        "\u{ff21}",
        "\"",
        "\\",
        "\u{0}",
        "\u{7f}",
        "\u{2028}",
        "\u{3000}",
    ];
    let text = |rng: &mut Rng| (0..rng.usize(..5)).map(|_| PIECES[rng.usize(..PIECES.len())]).collect();
    (0..200).map(|_| text(rng)).collect()
}

/// Without what is new in each entry.
fn plain(entry: &Value) -> Value {
    let mut entry = entry.clone();
    for name in ["uuid", "timestamp"] {
        if let Some(members) = entry.as_object_mut() {
            members.remove(name).expect("each has one");
        }
    }
    entry
}

#[tokio::test]
async fn titles_and_tags_are_the_sdks_entries() {
    let Some(oracle) = Oracle::start() else { return };
    let mut rng = chance();
    let (titles, tags) = (texts(&mut rng), texts(&mut rng));
    let tags: Vec<_> = tags.iter().map(Some).chain([None]).collect();
    let expected = oracle.borrow_mut().ask("edits", json!([DIRECTORY, ID, titles, tags]));
    let here = Here::new();
    store_stream(&mut rng, &*here.store, &key(ID, ""), &["{}".to_owned()]).await;
    let mut accepted = Vec::new();
    for title in &titles {
        accepted.push(here.sessions().rename(ID, title).await.is_ok());
    }
    for tag in &tags {
        accepted.push(here.sessions().tag(ID, tag.map(String::as_str)).await.is_ok());
    }
    let mut written = here.entries(ID).await.into_iter().skip(1);
    let asked = titles.iter().map(Some).chain(tags);
    for ((text, accepted), expected) in asked.zip(accepted).zip(expected.as_array().unwrap()) {
        assert_eq!(accepted, expected.is_object(), "{text:?}");
        if accepted {
            assert_eq!(plain(&written.next().unwrap()), plain(expected), "{text:?}");
        }
    }
    assert!(written.next().is_none());
}

/// What is new in a fork, by its place: uuids by their entry's, the session, and the time of the fork.
fn numbered(mut fork: Vec<Value>) -> Vec<Value> {
    let title = fork.last().unwrap().clone();
    let mut numbers = HashMap::new();
    for (number, entry) in fork.iter().enumerate() {
        numbers.insert(entry["uuid"].clone(), json!(number));
    }
    for entry in &mut fork {
        for name in ["uuid", "parentUuid", "logicalParentUuid"] {
            match entry.get_mut(name) {
                Some(uuid) if uuid.as_str().is_some_and(|text| !text.is_empty()) => {
                    // What is left out of the fork has a uuid that nobody else has.
                    *uuid = numbers.get(uuid).cloned().unwrap_or_else(|| json!("left out"));
                }
                _ => {}
            }
        }
        assert_eq!(entry["sessionId"].take(), title["sessionId"]);
        if entry["timestamp"] == title["timestamp"] {
            entry["timestamp"] = json!("now");
        }
    }
    fork
}

/// What to fork of a session: all, up to a message, up to one that is not there; with a title and without.
fn wish(rng: &mut Rng, made: &Made) -> Fork {
    let rows = made.streams[""]
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    // The SDK takes nothing else for a message's.
    let is_uuid = |uuid: &String| uuid.len() == ID.len();
    let uuids: Vec<_> = rows
        .filter_map(|row| row["uuid"].as_str().map(str::to_owned))
        .filter(is_uuid)
        .collect();
    let titles = [None, Some("  "), Some(" A title "), Some("x")];
    Fork {
        through: match rng.u8(..4) {
            0 if !uuids.is_empty() => Some(uuids[rng.usize(..uuids.len())].clone()),
            1 => Some("0b6c9f0e-ffff-4000-8000-000000000001".into()),
            _ => None,
        },
        title: titles[rng.usize(..titles.len())].map(str::to_owned),
    }
}

#[tokio::test]
async fn forks_are_the_sdks_forks() {
    let Some(oracle) = Oracle::start() else { return };
    let mut rng = chance();
    let sessions: Vec<_> = (0..FORKS).map(|_| Made::new(&mut rng)).collect();
    let mut wished = |made: Made| (wish(&mut rng, &made), made);
    let wishes: Vec<_> = sessions.into_iter().map(&mut wished).collect();
    let asked = wishes
        .iter()
        .map(|(wish, made)| json!([made.id, made.streams, wish.through, wish.title]));
    let expected = oracle
        .borrow_mut()
        .ask("forks", json!([DIRECTORY, asked.collect::<Vec<_>>()]));
    let here = Here::new();
    for ((wish, made), expected) in wishes.iter().zip(expected.as_array().unwrap()) {
        store_stream(&mut rng, &*here.store, &key(&made.id, ""), &made.streams[""]).await;
        let lines = || made.streams[""].join("\n");
        match here.sessions().fork(&made.id, wish).await {
            Ok(forked) => {
                let found = here.entries(forked.session.session_id()).await;
                assert_eq!(found.last().unwrap()["customTitle"], forked.title);
                let expected = expected
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| panic!("{wish:?}\n{}", lines()));
                assert_eq!(numbered(found), numbered(expected), "{wish:?}\n{}", lines());
            }
            Err(error) => assert!(expected.is_null(), "{error}: {wish:?}\n{}", lines()),
        }
    }
}
