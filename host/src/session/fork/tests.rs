//! What the entries of a fork keep, change and leave out.

use serde_json::{Value, json};

use super::*;
use crate::session::fixture::{append, main_key};
use crate::store::MemoryStore;

fn row(uuid: &str, parent: Option<&str>, kind: &str) -> Value {
    json!({"type": kind, "uuid": uuid, "parentUuid": parent, "message": {"content": uuid}, "sessionId": "session"})
}

async fn stored(rows: &[Value]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    for row in rows {
        append(&*store, &main_key(), format!("{row}\n")).await;
    }
    store
}

async fn fork_of(rows: &[Value], what: &Fork) -> Result<Vec<Value>, SessionError> {
    let mut fork = ForkRows::new(stored(rows).await, &main_key(), what).await?;
    let mut found = Vec::new();
    while let Some(row) = fork.next().await? {
        found.push(serde_json::from_slice(&row).unwrap());
    }
    Ok(found)
}

async fn fork(rows: &[Value]) -> Vec<Value> {
    fork_of(rows, &Fork::default()).await.unwrap()
}

#[tokio::test]
async fn messages_get_new_uuids_and_keep_their_links() {
    let mut second = row("b", Some("p"), "assistant");
    second["slug"] = json!("of the source");
    second["logicalParentUuid"] = json!("a");
    let rows = fork(&[row("a", None, "user"), row("p", Some("a"), "progress"), second]).await;
    let [first, second, title] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert!(Uuid::parse_str(first["uuid"].as_str().unwrap()).is_ok());
    // What only links is left out.
    assert_eq!(second["parentUuid"], first["uuid"]);
    assert_eq!(second["logicalParentUuid"], first["uuid"]);
    assert_eq!(
        second["forkedFrom"],
        json!({"sessionId": "session", "messageUuid": "b"})
    );
    assert_eq!(second["timestamp"], title["timestamp"]);
    assert_eq!(second["slug"], Value::Null);
    assert_eq!(title["customTitle"], "a (fork)");
    assert!(rows.iter().all(|row| row["sessionId"] == title["sessionId"]));
    assert_ne!(title["sessionId"], "session");
}

#[tokio::test]
async fn a_restriction_stays_with_the_fork_of_a_session() {
    let owner = |account: &str| json!({"type": "session-owner", "accountUuid": account, "restricted": ["ldr"]});
    let rows = fork(&[row("a", None, "user"), owner("first"), owner("second")]).await;
    let [mark, message, title] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (&mark["type"], &mark["accountUuid"]),
        (&json!("session-owner"), &json!("first"))
    );
    assert_eq!(mark["sessionId"], title["sessionId"]);
    assert_eq!(message["type"], "user");
}

#[tokio::test]
async fn bytes_that_are_not_links_stay_as_they_are() {
    let store = Arc::new(MemoryStore::new());
    let line = r#"{ "n":1e999, "type":"user","uuid":"a","lone":"\ud800","n":-0,"isSidechain":false}"#;
    append(&*store, &main_key(), format!("{line}\n")).await;
    let mut fork = ForkRows::new(store, &main_key(), &Fork::default()).await.unwrap();
    let row = fork.next().await.unwrap().unwrap();
    let row = std::str::from_utf8(&row).unwrap();
    for part in [
        r#""n":1e999,"type":"user","uuid":""#,
        r#","lone":"\ud800","n":-0,"isSidechain":false,"#,
    ] {
        assert!(row.contains(part), "{row}");
    }
}

#[tokio::test]
async fn a_fork_may_end_at_a_message_and_have_a_title() {
    let rows = [
        row("a", None, "user"),
        row("b", Some("a"), "assistant"),
        row("c", Some("b"), "user"),
        json!({"type": "custom-title", "customTitle": "The title"}),
    ];
    let what = |through: &str, title: Option<&str>| Fork {
        through: Some(through.into()),
        title: title.map(str::to_owned),
    };
    let forked = fork_of(&rows, &what("b", None)).await.unwrap();
    assert_eq!(forked.len(), 3);
    assert_eq!(forked[2]["customTitle"], "The title (fork)");
    let forked = fork_of(&rows, &what("a", Some(" Mine "))).await.unwrap();
    assert_eq!((forked.len(), &forked[1]["customTitle"]), (2, &json!("Mine")));
    let error = fork_of(&rows, &what("z", None)).await.unwrap_err();
    assert!(matches!(error, SessionError::NoMessage { uuid, .. } if uuid == "z"));
}

#[tokio::test]
async fn what_was_replaced_comes_behind_the_messages() {
    let replaced = |session: &str, n: u32| json!({"type": "content-replacement", "sessionId": session, "replacements": [n, {"n": n}]});
    let rows = [
        replaced("session", 1),
        row("a", None, "user"),
        replaced("another", 2),
        replaced("session", 3),
    ];
    let rows = fork(&rows).await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["replacements"], json!([1, {"n": 1}, 3, {"n": 3}]));
    assert_eq!(rows[1]["sessionId"], rows[2]["sessionId"]);
}

#[tokio::test]
async fn much_that_was_replaced_is_several_entries() {
    let large = "x".repeat(BATCH_BYTES / 3);
    let replaced = json!({"type": "content-replacement", "sessionId": "session", "replacements": [large]});
    let mut rows = vec![row("a", None, "user")];
    rows.extend(std::iter::repeat_n(replaced, 5));
    let rows = fork(&rows).await;
    let counts: Vec<_> = rows[1..rows.len() - 1]
        .iter()
        .map(|row| row["replacements"].as_array().unwrap().len())
        .collect();
    assert!(counts.len() > 1 && counts.iter().sum::<usize>() == 5, "{counts:?}");
}

#[tokio::test]
async fn there_must_be_something_to_fork() {
    let nothing = fork_of(&[], &Fork::default()).await.unwrap_err();
    assert!(matches!(nothing, SessionError::NotFound { .. }), "{nothing}");
    let mut side = row("a", None, "user");
    side["isSidechain"] = json!(true);
    for rows in [
        vec![side],
        vec![row("a", None, "progress")],
        vec![json!({"type": "mode"})],
    ] {
        let error = fork_of(&rows, &Fork::default()).await.unwrap_err();
        assert!(matches!(error, SessionError::NothingToFork { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_circle_of_what_is_left_out_ends() {
    let rows = [
        row("p", Some("q"), "progress"),
        row("q", Some("p"), "progress"),
        row("a", Some("p"), "user"),
    ];
    assert_eq!(fork(&rows).await[0]["parentUuid"], Value::Null);
}
