//! What is known of sessions, for lists.

use serde_json::Value;

use super::*;
use crate::host::session_store::ListedSummary;
use crate::summary::KeyStyle;

const PROMPT: &str = r#"{"type":"user","message":{"content":"Find the leak"},"timestamp":"2026-05-01T10:00:00.001Z"}"#;
const TITLE: &str = r#"{"type":"custom-title","customTitle":"The leak"}"#;

fn summaries(machine: &Machine, style: KeyStyle) -> Vec<(ListedSummary, Value)> {
    let listed = machine.store.list_session_summaries_blocking("project", style).unwrap();
    let parsed = listed.into_iter().map(|listed| {
        let data = serde_json::from_str(&listed.data).unwrap();
        (listed, data)
    });
    parsed.collect()
}

fn only(machine: &Machine, style: KeyStyle) -> Value {
    let list = || machine.store.list_sessions_blocking("project").unwrap().remove(0);
    let before = list();
    let mut summaries = summaries(machine, style);
    assert_eq!(summaries.len(), 1, "{summaries:?}");
    let (summary, data) = summaries.remove(0);
    assert_eq!(summary.session, before.session);
    // What is delivered just then is listed by the destination's time from then on.
    let times = [before.modified, list().modified];
    assert!(times.contains(&summary.modified), "{summary:?}, {times:?}");
    data
}

#[test]
fn a_summary_reaches_to_the_last_line_wherever_that_is() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::away());
    let machine = Machine::alone(state.path(), &destination);
    machine.append(&key("s"), &[PROMPT]);
    machine.append(&sub("s", "x"), &[TITLE]);
    assert_eq!(only(&machine, KeyStyle::Snake)["first_prompt"], "Find the leak");
    destination.set_away(false);
    machine.host.retry();
    machine.flush();
    assert_eq!(only(&machine, KeyStyle::Snake)["custom_title"], Value::Null);
    destination.set_away(true);
    machine.append(&key("s"), &[TITLE]);
    destination.set_away(false);
    let data = only(&machine, KeyStyle::Snake);
    assert_eq!(
        (&data["first_prompt"], &data["custom_title"]),
        (&"Find the leak".into(), &"The leak".into())
    );
    machine.flush();
    machine.store.delete_blocking(&key("s")).unwrap();
    assert!(summaries(&machine, KeyStyle::Snake).is_empty());
    machine.close();
}

#[test]
fn members_are_named_as_the_sdk_names_them() {
    let (state, destination) = (tempfile::tempdir().unwrap(), Switched::new());
    let machine = Machine::new(state.path(), &destination);
    machine.append(&key("s"), &[PROMPT, TITLE]);
    let members = |data: &Value| data.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let snake = [
        "created_at",
        "custom_title",
        "first_prompt",
        "first_prompt_locked",
        "is_sidechain",
    ];
    let camel = [
        "createdAt",
        "customTitle",
        "firstPrompt",
        "firstPromptLocked",
        "isSidechain",
    ];
    for _ in 0..2 {
        assert_eq!(members(&only(&machine, KeyStyle::Snake)), snake);
        assert_eq!(members(&only(&machine, KeyStyle::Camel)), camel);
        machine.flush();
    }
    machine.close();
}
