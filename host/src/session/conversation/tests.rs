//! Which messages are part of a conversation after branches, compactions and parallel calls.

use serde_json::json;

use super::*;
use crate::session::MessagePart;
use crate::session::fixture::{append, main_key};
use crate::store::MemoryStore;

/// A row with its members, and who came before it.
fn row(uuid: &str, parent: Option<&str>, kind: &str, more: serde_json::Value) -> String {
    let mut row = json!({"type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": "session"});
    row["message"] = json!({"content": uuid});
    for (key, value) in more.as_object().unwrap() {
        row[key] = value.clone();
    }
    format!("{row}\n")
}

fn said(uuid: &str, parent: Option<&str>) -> String {
    row(uuid, parent, "user", json!({}))
}

fn call(uuid: &str, parent: &str, response: &str, call: &str) -> String {
    let message = json!({"id": response, "content": [{"type": "tool_use", "id": call}]});
    row(uuid, Some(parent), "assistant", json!({"message": message}))
}

fn answer(uuid: &str, parent: &str, call: &str) -> String {
    let message = json!({"content": [{"type": "tool_result", "tool_use_id": call}]});
    row(uuid, Some(parent), "user", json!({"message": message}))
}

/// A store that holds these rows, each in a batch of its own.
async fn stored(key: &SessionKey, rows: &[String]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    for row in rows {
        append(&*store, key, row.clone()).await;
    }
    store
}

async fn messages(store: Arc<MemoryStore>, key: &SessionKey) -> Vec<SessionMessage> {
    let mut conversation = conversation(store, key).await.unwrap();
    let mut messages = Vec::new();
    while let Some(message) = conversation.next().await.unwrap() {
        messages.push(message);
    }
    messages
}

async fn uuids(rows: &[String]) -> Vec<String> {
    let messages = messages(stored(&main_key(), rows).await, &main_key()).await;
    messages.into_iter().map(|message| message.uuid).collect()
}

#[tokio::test]
async fn a_message_says_its_parts() {
    let rows = [said("a", None), call("b", "a", "r", "t"), answer("c", "b", "t")];
    let messages = messages(stored(&main_key(), &rows).await, &main_key()).await;
    let parts: Vec<_> = messages.iter().map(SessionMessage::parts).collect();
    assert_eq!(parts[0], [MessagePart::Text { text: "a".into() }]);
    assert!(matches!(parts[1][..], [MessagePart::ToolCall { .. }]));
    assert!(matches!(parts[2][..], [MessagePart::ToolResult { .. }]));
}

#[tokio::test]
async fn the_branch_that_was_written_last_counts() {
    let rows = [
        said("a", None),
        said("b", Some("a")),
        said("c", Some("b")),
        said("rewound", Some("a")),
    ];
    assert_eq!(uuids(&rows).await, ["a", "rewound"]);
}

#[tokio::test]
async fn what_only_links_is_passed_and_not_shown() {
    let rows = [
        said("a", None),
        row("b", Some("a"), "progress", json!({})),
        row("c", Some("b"), "attachment", json!({})),
        said("d", Some("c")),
        row("e", Some("d"), "user", json!({"isMeta": true})),
        row("f", Some("d"), "system", json!({})),
        said("no such parent", Some("nobody")),
        row("side", Some("d"), "user", json!({"isSidechain": true})),
    ];
    assert_eq!(uuids(&rows[..6]).await, ["a", "d"]);
    assert_eq!(uuids(&rows).await, ["no such parent"]);
}

#[tokio::test]
async fn a_compaction_begins_the_conversation_anew() {
    let rows = [
        said("a", None),
        row("boundary", None, "system", json!({"logicalParentUuid": "a"})),
        row("summary", Some("boundary"), "user", json!({"isCompactSummary": true})),
        said("b", Some("summary")),
    ];
    assert_eq!(uuids(&rows).await, ["summary", "b"]);
}

#[tokio::test]
async fn parallel_calls_and_their_answers_are_all_there() {
    let rows = [
        said("a", None),
        call("call 1", "a", "response", "1"),
        call("call 2", "call 1", "response", "2"),
        call("call 3", "call 2", "response", "3"),
        answer("answer 2", "call 2", "2"),
        answer("answer 3", "call 3", "3"),
        answer("answer 1", "call 1", "1"),
        said("b", Some("answer 1")),
    ];
    let expected = [
        "a", "call 1", "call 2", "call 3", "answer 2", "answer 3", "answer 1", "b",
    ];
    // The way back from the last row meets one call and one answer.
    assert_eq!(uuids(&rows).await, expected);
}

#[tokio::test]
async fn a_circle_ends() {
    let rows = [said("a", Some("b")), said("b", Some("a")), said("c", Some("b"))];
    assert_eq!(uuids(&rows).await, ["a", "b", "c"]);
    assert!(uuids(&rows[..2]).await.is_empty());
}

#[tokio::test]
async fn a_subagent_says_what_started_it() {
    let key = main_key().with_subpath("subagents/agent-1").unwrap();
    let metadata =
        |call: &str| format!("{{\"type\":\"agent_metadata\",\"toolUseId\":\"{call}\",\"parentAgentId\":7}}\n");
    let rows = [
        metadata("old"),
        row("a", None, "user", json!({"isSidechain": true})),
        row(
            "b",
            Some("a"),
            "assistant",
            json!({"isSidechain": true, "isMeta": true}),
        ),
        metadata("new"),
    ];
    let messages = messages(stored(&key, &rows).await, &key).await;
    let shown = serde_json::to_value(&messages).unwrap();
    assert_eq!(
        shown[1],
        json!({"type": "assistant", "uuid": "b", "session_id": "session", "message": {"content": "b"},
            "parent_tool_use_id": "new", "parent_agent_id": null})
    );
    assert_eq!(messages.len(), 2);
}

#[tokio::test]
async fn some_can_be_passed_over_and_rows_may_lie_anywhere() {
    // The parents lie behind their children.
    let rows: Vec<_> = (0..20)
        .map(|n| match n {
            19 => said("19", None),
            n => said(&n.to_string(), Some(&(n + 1).to_string())),
        })
        .chain([said("tail", Some("0"))])
        .collect();
    let store = stored(&main_key(), &rows).await;
    let mut conversation = conversation(store, &main_key()).await.unwrap();
    assert_eq!(conversation.len(), 21);
    conversation.skip(0);
    conversation.skip(10);
    for n in (0..10).rev() {
        assert_eq!(conversation.next().await.unwrap().unwrap().uuid, n.to_string());
    }
    conversation.skip(50);
    assert!(conversation.is_empty());
    assert!(conversation.next().await.unwrap().is_none());
}

#[tokio::test]
async fn damage_is_an_error_and_nothing_is_an_empty_conversation() {
    let store = stored(&main_key(), &[said("a", None), said("b", Some("a"))]).await;
    let mut whole = conversation(store.clone(), &main_key()).await.unwrap();
    store.tamper(&main_key(), |batches| batches[1].payload = "{}\n".into());
    assert_eq!(
        conversation(store.clone(), &main_key()).await.unwrap_err().damaged(),
        Some((2, 2))
    );
    whole.skip(1);
    whole.next().await.unwrap_err();
    let other = SessionKey::main("project", "other").unwrap();
    assert!(conversation(store, &other).await.unwrap().is_empty());
}
