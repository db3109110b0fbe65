//! What Mirrorbox does otherwise than the agent's SDK: each row of the table in `docs/sessions.md`, both sides
//! asserted. A row that fails because the SDK was mended can go.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use mirrorbox::host::{Host, SessionsError};
use mirrorbox::session::{self, SessionError};
use mirrorbox::store::{MemoryStore, Store};
use mirrorbox::summary::SessionInfo;
use serde_json::{Value, json};

use crate::made::Made;
use crate::sdk::Oracle;
use crate::sessions::{DIRECTORY, PROJECT, key, question, store_stream};

const ID: &str = "0b6c9f0e-0000-4000-8000-000000000001";

fn made(id: &str, lines: &[Value]) -> Made {
    let lines = lines.iter().map(Value::to_string).collect();
    Made {
        id: id.to_owned(),
        streams: BTreeMap::from([(String::new(), lines)]),
    }
}

async fn stored(made: &Made) -> Arc<dyn Store> {
    let store = Arc::new(MemoryStore::new());
    store_stream(&mut Rng::with_seed(1), &*store, &key(&made.id, ""), &made.streams[""]).await;
    store
}

/// What is known of one session: here, and what the SDK says in its list and by itself.
async fn infos(lines: &[Value]) -> Option<(SessionInfo, Value, Value)> {
    let oracle = Oracle::start()?;
    let made = made(ID, lines);
    let info = session::info(stored(&made).await, &key(ID, "")).await.unwrap();
    let mut answer = oracle.borrow_mut().ask("sessions", question(&[made]));
    let listed = answer["list"][0].take();
    let alone = answer["alone"][0].take();
    Some((info.unwrap().info.unwrap(), listed, alone))
}

fn prompt(text: &str) -> Value {
    json!({"type": "user", "uuid": "a", "message": {"content": text}, "timestamp": "2026-05-01T10:00:00Z"})
}

#[tokio::test]
async fn a_text_within_a_tools_input_is_no_title() {
    let call = json!({"type": "assistant", "uuid": "b", "message": {"content": [
        {"type": "tool_use", "id": "1", "input": {"customTitle": "of something else"}},
    ]}});
    let Some((ours, listed, alone)) = infos(&[prompt("Fix it"), call]).await else {
        return;
    };
    assert_eq!(
        (ours.summary.as_str(), listed["summary"].as_str()),
        ("Fix it", Some("Fix it"))
    );
    assert_eq!(alone["summary"], "of something else", "the SDK was mended");
}

#[tokio::test]
async fn a_title_in_the_middle_of_a_long_transcript_is_found() {
    let filler = |n: usize| json!({"type": "attachment", "uuid": format!("f{n}"), "text": "x".repeat(70_000)});
    let title = json!({"type": "custom-title", "customTitle": "Found"});
    let lines = [prompt("Fix it"), filler(1), title, filler(2)];
    let Some((ours, listed, alone)) = infos(&lines).await else {
        return;
    };
    assert_eq!(
        (ours.summary.as_str(), listed["summary"].as_str()),
        ("Found", Some("Found"))
    );
    assert_eq!(alone["summary"], "Fix it", "the SDK was mended");
}

#[tokio::test]
async fn a_directory_that_no_entry_names_is_not_made_up() {
    let Some((ours, listed, _)) = infos(&[prompt("Fix it")]).await else {
        return;
    };
    assert_eq!(ours.cwd, None);
    assert_eq!(listed["cwd"], "/nowhere/app", "the SDK was mended");
}

#[tokio::test]
async fn a_session_may_have_any_id() {
    let Some(oracle) = Oracle::start() else { return };
    let made = made("no-uuid", &[prompt("Fix it")]);
    let conversation = session::conversation(stored(&made).await, &key("no-uuid", "")).await;
    assert_eq!(conversation.unwrap().len(), 1);
    let answer = oracle.borrow_mut().ask("sessions", question(&[made]));
    assert_eq!(answer["each"][0]["messages"], json!([]), "the SDK was mended");
}

#[tokio::test]
async fn a_session_that_nobody_knows_is_not_made_by_a_title() {
    let Some(oracle) = Oracle::start() else { return };
    let (state, store) = (tempfile::tempdir().unwrap(), Arc::new(MemoryStore::new()));
    let host = Host::builder(state.path())
        .store("memory", store)
        .build_blocking()
        .unwrap();
    for refused in [
        host.sessions(PROJECT).rename(ID, "x").await,
        host.sessions(PROJECT).tag(ID, Some("x")).await,
    ] {
        let unknown = matches!(refused, Err(SessionsError::Session(SessionError::NotFound { .. })));
        assert!(unknown, "{refused:?}");
    }
    let answer = oracle.borrow_mut().ask("edits", json!([DIRECTORY, ID, ["x"], ["x"]]));
    assert!(answer[0].is_object() && answer[1].is_object(), "the SDK was mended");
}
