//! Stored entries as messages for people.

use super::*;
use crate::session::fixture::{append, lines, main_key};
use crate::store::MemoryStore;

fn message(line: &str) -> Message {
    Message::read(line.as_bytes())
}

fn parts(line: &str) -> Vec<MessagePart> {
    match message(line) {
        Message::Said { parts, .. } => parts,
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> MessagePart {
    MessagePart::Text { text: text.into() }
}

#[tokio::test]
async fn entries_come_in_order_and_raw() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 2)).await;
    append(&*store, &main_key(), lines(2, 1)).await;
    let mut entries = show(store, &main_key());
    for n in 0..3 {
        let entry = entries.next().await.unwrap().unwrap();
        assert_eq!(entry.number, n + 1);
        assert_eq!(entry.line, lines(n as usize, 1).trim_end());
    }
    assert!(entries.next().await.unwrap().is_none());
}

#[tokio::test]
async fn damage_is_an_error_not_an_end() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &main_key(), lines(0, 2)).await;
    append(&*store, &main_key(), lines(2, 1)).await;
    store.tamper(&main_key(), |batches| batches[1].payload = "{}\n".into());
    let mut entries = show(store, &main_key());
    entries.next().await.unwrap().unwrap();
    entries.next().await.unwrap().unwrap();
    assert_eq!(entries.next().await.unwrap_err().damaged(), Some((2, 2)));
}

#[test]
fn what_people_and_models_say() {
    let user = r#"{"type":"user","message":{"role":"user","content":"List"},"timestamp":"2026-05-01T10:00:00.010Z"}"#;
    assert_eq!(
        message(user),
        Message::Said {
            speaker: Speaker::User,
            timestamp: Some("2026-05-01T10:00:00.010Z".into()),
            is_meta: false,
            parts: vec![text("List")],
        }
    );
    let assistant = r#"{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"hm"},
        {"type":"text","text":"a\nb"},{"type":"tool_use","name":"Bash","input":{"command":"ls"}},{"type":"image"}]}}"#;
    assert_eq!(
        parts(assistant),
        [
            MessagePart::Thinking { text: "hm".into() },
            text("a\nb"),
            MessagePart::ToolCall {
                name: "Bash".into(),
                input: r#"{"command":"ls"}"#.into()
            },
            MessagePart::Other { of: "image".into() },
        ]
    );
    let system = r#"{"type":"system","content":"Compacted","isMeta":true}"#;
    assert!(matches!(
        message(system),
        Message::Said {
            speaker: Speaker::System,
            is_meta: true,
            ..
        }
    ));
    assert_eq!(parts(system), [text("Compacted")]);
}

#[test]
fn what_tools_answer() {
    let result = |content: &str| {
        let block = format!(r#"{{"type":"tool_result","content":{content},"is_error":true}}"#);
        parts(&format!(r#"{{"type":"user","message":{{"content":[{block}]}}}}"#))
    };
    let answer = |text: &str| {
        [MessagePart::ToolResult {
            text: text.into(),
            is_error: true,
        }]
    };
    assert_eq!(result(r#""a.txt""#), answer("a.txt"));
    assert_eq!(
        result(r#"[{"type":"text","text":"one"},{"type":"image"}]"#),
        answer("one\n[image]")
    );
}

#[test]
fn titles_and_notes() {
    let title = message(r#"{"type":"ai-title","aiTitle":"T"}"#);
    assert_eq!(title, Message::Title { title: "T".into() });
    let tag = message(r#"{"type":"tag","tag":"x"}"#);
    assert_eq!(
        tag,
        Message::Note {
            of: "tag".into(),
            text: "x".into()
        }
    );
    assert_eq!(message(r#"{"type":"mode"}"#), Message::Other { of: "mode".into() });
}

#[test]
fn names_that_are_written_with_escapes_are_read() {
    let title = message(r#"{"ty\u0070e":"custom-title","custom\u0054itle":"T","aiTitle":"x"}"#);
    assert_eq!(title, Message::Title { title: "T".into() });
    let said =
        r#"{"type":"user","isM\u0065ta":1,"mess\u0061ge":{"c\u006fntent":[{"t\u0079pe":"text","te\u0078t":"a"}]}}"#;
    assert!(matches!(message(said), Message::Said { is_meta: true, .. }));
    assert_eq!(parts(said), [text("a")]);
}

#[test]
fn nothing_that_is_stored_breaks_it() {
    let deep = format!(
        r#"{{"type":"user","message":{{"content":{}1{}}}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for line in [
        "",
        "[]",
        "{",
        "{\"type\":1}",
        "\u{0}",
        &deep,
        r#"{"type":"user","message":"\ud800"}"#,
    ] {
        message(line);
    }
    assert_eq!(
        Message::read(b"{\"type\":\"\xff\"}"),
        Message::Other { of: String::new() }
    );
    let lone = r#"{"type":"user","message":{"content":"a\ud800"}}"#;
    assert_eq!(parts(lone), [text("a\u{fffd}")]);
}
