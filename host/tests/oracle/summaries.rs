//! The fold over entries.

use mirrorbox::key::SessionKey;
use mirrorbox::summary::Fold;
use mirrorbox_transcripts::{Projects, hostile};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::sdk::{Oracle, check};

/// The state after the lines and what a listing shows, as the SDK writes them down.
fn summary(lines: &[String]) -> Value {
    let mut fold = Fold::new();
    lines.iter().for_each(|line| fold.fold(line.as_bytes()));
    let info = fold.info().map(|info| {
        json!({
            "summary": info.summary, "custom_title": info.custom_title, "first_prompt": info.first_prompt,
            "git_branch": info.git_branch, "cwd": info.cwd, "tag": info.tag, "created_at": info.created_at,
        })
    });
    let data: Value = serde_json::from_str(&fold.to_json()).unwrap();
    json!({"data": data, "info": info})
}

/// Takes the times out. The SDK goes through floating point, which can lose the last millisecond.
fn take_times(summary: &mut Value) -> Vec<Option<i64>> {
    let mut take = |part: &str| summary[part].as_object_mut()?.remove("created_at")?.as_i64();
    vec![take("data"), take("info")]
}

fn same_summary(oracle: &mut Oracle, lines: &[String]) -> Result<(), TestCaseError> {
    let (mut ours, mut expected) = (summary(lines), oracle.ask("summary", json!([lines])));
    for (our, expected) in take_times(&mut ours).into_iter().zip(take_times(&mut expected)) {
        let near = our
            .zip(expected)
            .is_some_and(|(our, expected)| (our - expected).abs() <= 1);
        prop_assert!(near || our == expected, "{our:?} is not {expected:?}");
    }
    prop_assert_eq!(ours, expected);
    Ok(())
}

#[test]
fn hostile_entries_have_the_sdks_summary() {
    let text = prop_oneof![
        "\\PC{0,12}",
        "[a-z \n\u{1c}\u{85}\u{a0}\u{200b}é😀]{0,12}",
        "[a-z ]{190,210}",
        prompts()
    ];
    let prompt = prop_oneof![
        text.clone().prop_map(|text| json!(text)),
        prop::collection::vec(
            text.clone().prop_map(|text| json!({"type": "text", "text": text})),
            0..4
        )
        .prop_map(Value::from),
    ];
    let row = prompt.prop_map(|content| json!({"type": "user", "message": {"content": content}}).to_string());
    let key = select(
        &[
            "customTitle",
            "aiTitle",
            "lastPrompt",
            "summary",
            "gitBranch",
            "cwd",
            "tag",
        ][..],
    );
    let title = (key, text).prop_map(|(key, text)| json!({"type": "tag", key: text}).to_string());
    let line = prop_oneof![3 => hostile::entry(), 2 => row, 1 => title, 1 => Just("not json".to_owned())];
    check(prop::collection::vec(line, 0..6), |oracle, lines| {
        same_summary(oracle, &lines)
    });
}

fn prompts() -> impl Strategy<Value = String> {
    let pieces = select(
        &[
            "<command-name>",
            "</command-name>",
            "/x",
            " ",
            "\n",
            "<tick>",
            "<goal>",
            "<local-command-stdout>",
            "[Request interrupted by user",
            "]",
            "<ide_selection>",
            "</ide_selection>",
            "<ide_opened_file>",
            "</ide_opened_file>",
            "<session-start-hook>",
            "<task-notification>",
        ][..],
    );
    prop::collection::vec(pieces, 1..5).prop_map(|pieces| pieces.concat())
}

#[test]
fn made_up_sessions_have_the_sdks_summary() {
    let Some(oracle) = Oracle::start() else { return };
    let temp = tempfile::tempdir().unwrap();
    let projects = Projects {
        seed: 11,
        sessions: 12,
        bytes: 3_000_000,
    };
    for session in projects.write(temp.path()).unwrap().sessions {
        let key = SessionKey::main(session.project_key, session.session_id).unwrap();
        let file = std::fs::read_to_string(temp.path().join(key.file().unwrap())).unwrap();
        let lines: Vec<_> = file.split_terminator('\n').map(str::to_owned).collect();
        same_summary(&mut oracle.borrow_mut(), &lines).unwrap();
    }
}
