//! Listings, conversations and subagents on thousands of made-up sessions. `MIRRORBOX_SEED` makes the sessions of a run
//! that failed again; `MIRRORBOX_SOAK` makes 10,000 of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use mirrorbox::key::SessionKey;
use mirrorbox::session::{self, Listing, SessionRow};
use mirrorbox::store::{BatchDraft, Chain, Kind, MemoryStore, Origin, Store, Summary};
use mirrorbox::summary::Fold;
use serde_json::{Value, json};

use crate::made::Made;
use crate::sdk::Oracle;

/// The SDK asks for a directory, which is its project.
pub(crate) const DIRECTORY: &str = "/nowhere/app";
pub(crate) const PROJECT: &str = "-nowhere-app";

/// How many sessions are compared with one question.
const TOGETHER: usize = 100;

fn amount() -> usize {
    match std::env::var_os("MIRRORBOX_SOAK") {
        Some(_) => 10_000,
        None => 1_200,
    }
}

/// A source of chance that can be had again. Printed, for the failure that it may explain.
pub(crate) fn chance() -> Rng {
    let given = std::env::var("MIRRORBOX_SEED").ok().map(|text| text.parse().unwrap());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("MIRRORBOX_SEED={seed}");
    Rng::with_seed(seed)
}

pub(crate) fn key(session: &str, subpath: &str) -> SessionKey {
    let main = SessionKey::main(PROJECT, session).unwrap();
    match subpath {
        "" => main,
        subpath => main.with_subpath(subpath).unwrap(),
    }
}

/// Stores a stream in batches of any size. Its summary is up to date, out of date, or not there.
pub(crate) async fn store_stream(rng: &mut Rng, store: &dyn Store, key: &SessionKey, lines: &[String]) {
    let (mut chain, mut fold, mut rest) = (Chain::start(key), Fold::new(), lines);
    let summarised = rng.usize(..4);
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(rng.usize(1..=rest.len()));
        rest = behind;
        batch.iter().for_each(|line| fold.fold(line.as_bytes()));
        let batch = chain.next(BatchDraft {
            kind: Kind::Entries,
            origin: Origin {
                writer: "writer".into(),
                line: 1,
            },
            payload: (batch.join("\n") + "\n").into(),
        });
        let summary = Summary {
            through: batch.number,
            json: fold.to_json(),
        };
        let is_written = key.is_main() && (summarised > 1 || summarised == 1 && batch.number == 1);
        store.append(key, &batch, is_written.then_some(&summary)).await.unwrap();
    }
}

async fn stored(rng: &mut Rng, sessions: &[Made]) -> Arc<dyn Store> {
    let store = Arc::new(MemoryStore::new());
    for session in sessions {
        for (subpath, lines) in &session.streams {
            store_stream(rng, &*store, &key(&session.id, subpath), lines).await;
        }
    }
    store
}

pub(crate) fn question(sessions: &[Made]) -> Value {
    let sessions = sessions.iter().map(|made| json!([made.id, made.streams]));
    json!([DIRECTORY, sessions.collect::<Vec<_>>()])
}

/// What a listing says of a session, as the SDK writes it down, but for the times.
pub(crate) fn shown(row: &SessionRow) -> Value {
    let info = row.info.as_ref().unwrap();
    json!({
        "session_id": row.session, "summary": info.summary, "custom_title": info.custom_title,
        "first_prompt": info.first_prompt, "git_branch": info.git_branch,
        // Where the session does not say it, the SDK puts in what it was asked for.
        "cwd": info.cwd.as_deref().unwrap_or(DIRECTORY),
        "tag": info.tag, "created_at": info.created_at,
    })
}

async fn messages(store: &Arc<dyn Store>, key: &SessionKey) -> Value {
    let mut conversation = session::conversation(store.clone(), key).await.unwrap();
    let mut messages = Vec::new();
    while let Some(message) = conversation.next().await.unwrap() {
        messages.push(serde_json::to_value(message).unwrap());
    }
    Value::from(messages)
}

/// Everything that can be read of a session.
async fn read(store: &Arc<dyn Store>, made: &Made) -> Value {
    let main = key(&made.id, "");
    let agents = session::subagents(store.clone(), &main).await.unwrap();
    let mut conversations = BTreeMap::new();
    for agent in &agents {
        conversations.insert(&agent.id, messages(store, &agent.transcript).await);
    }
    json!({
        "messages": messages(store, &main).await,
        "subagents": agents.iter().map(|agent| &agent.id).collect::<Vec<_>>(),
        "subagent_messages": conversations,
    })
}

#[tokio::test]
async fn sessions_read_as_the_sdk_reads_them() {
    let Some(oracle) = Oracle::start() else { return };
    let mut rng = chance();
    for _ in 0..amount().div_ceil(TOGETHER) {
        let sessions: Vec<_> = (0..TOGETHER).map(|_| Made::new(&mut rng)).collect();
        let expected = oracle.borrow_mut().ask("sessions", question(&sessions));
        let store = stored(&mut rng, &sessions).await;
        compare_listing(&store, &expected["list"]).await;
        for (made, expected) in sessions.iter().zip(expected["each"].as_array().unwrap()) {
            let found = read(&store, made).await;
            for (what, expected) in expected.as_object().unwrap() {
                let lines = || {
                    made.streams
                        .iter()
                        .flat_map(|(path, lines)| [path].into_iter().chain(lines))
                };
                assert_eq!(
                    found[what],
                    *expected,
                    "{what} of\n{}",
                    lines().map(|line| format!("{line}\n")).collect::<String>()
                );
            }
        }
    }
}

/// The same sessions, and the same of each. Both know their order from times of their own.
async fn compare_listing(store: &Arc<dyn Store>, expected: &Value) {
    let listing = Listing {
        project: Some(PROJECT.into()),
        shown_only: true,
        ..Listing::default()
    };
    let rows = session::list_page(store.clone(), &listing).await.unwrap();
    assert!(rows.iter().is_sorted_by(|one, next| one.modified >= next.modified));
    let by_id = |shown: Value| (shown["session_id"].as_str().unwrap().to_owned(), shown);
    let found: BTreeMap<_, _> = rows.iter().map(shown).map(by_id).collect();
    let expected: BTreeMap<_, _> = expected.as_array().unwrap().iter().cloned().map(by_id).collect();
    assert_eq!(found, expected);
    for row in &rows {
        let alone = session::info(store.clone(), &key(&row.session, "")).await.unwrap();
        assert_eq!(shown(&alone.unwrap()), found[&row.session]);
    }
}
