//! How each kind of entry changes a summary.

use mirrorbox_transcripts::hostile;
use proptest::prelude::*;

use super::*;

fn folded(lines: &[&str]) -> Fold {
    let mut fold = Fold::new();
    lines.iter().for_each(|line| fold.fold(line.as_bytes()));
    fold
}

fn json(lines: &[&str]) -> String {
    folded(lines).to_json()
}

#[test]
fn nothing_folded_is_an_empty_object_with_nothing_to_show() {
    assert_eq!(Fold::new().to_json(), "{}");
    assert_eq!(Fold::new().info(), None);
    assert_eq!(json(&["", "[]", "null", "{", "\n"]), "{}");
}

#[test]
fn the_first_entry_decides_whether_it_is_a_sidechain() {
    assert_eq!(
        json(&[r#"{"isSidechain":true}"#, r#"{"isSidechain":false}"#]),
        r#"{"is_sidechain":true}"#
    );
    assert_eq!(json(&["{}", r#"{"isSidechain":true}"#]), r#"{"is_sidechain":false}"#);
    assert_eq!(
        json(&["no json", r#"{"isSidechain":true}"#]),
        r#"{"is_sidechain":true}"#
    );
    assert_eq!(json(&[r#"{"isSidechain":"true"}"#]), r#"{"is_sidechain":false}"#);
    assert_eq!(folded(&[r#"{"isSidechain":true,"customTitle":"x"}"#]).info(), None);
}

#[test]
fn the_first_time_that_can_be_read_counts() {
    let fold = folded(&[
        r#"{"timestamp":"soon"}"#,
        r#"{"timestamp":7}"#,
        r#"{"timestamp":"2026-05-01T10:00:00.001Z"}"#,
        r#"{"timestamp":"2020-05-01T10:00:00.001Z"}"#,
    ]);
    assert_eq!(fold.to_json(), r#"{"is_sidechain":false,"created_at":1777629600001}"#);
}

#[test]
fn the_first_directory_counts_and_the_newest_of_all_else() {
    let fold = folded(&[
        r#"{"cwd":"","gitBranch":"main","customTitle":"a","aiTitle":"b","lastPrompt":"c","summary":"d"}"#,
        r#"{"cwd":1,"gitBranch":1,"customTitle":null,"aiTitle":[],"lastPrompt":{},"summary":true}"#,
        r#"{"cwd":"/one","gitBranch":"dev","customTitle":"e"}"#,
        r#"{"cwd":"/two","aiTitle":"f"}"#,
    ]);
    assert_eq!(
        fold.to_json(),
        concat!(
            r#"{"is_sidechain":false,"cwd":"/one","custom_title":"e","ai_title":"f","last_prompt":"c","#,
            r#""summary_hint":"d","git_branch":"dev"}"#
        )
    );
}

#[test]
fn a_tag_is_set_and_taken_away_by_tag_entries_only() {
    let tag = |lines: &[&str]| folded(lines).texts.tag;
    let set = r#"{"type":"tag","tag":"later"}"#;
    assert_eq!(tag(&[set]).as_deref(), Some("later"));
    assert_eq!(tag(&[set, r#"{"type":"user","tag":"x"}"#]).as_deref(), Some("later"));
    for clear in [
        r#"{"type":"tag","tag":""}"#,
        r#"{"type":"tag"}"#,
        r#"{"type":"tag","tag":1}"#,
    ] {
        assert_eq!(tag(&[set, clear]), None, "{clear}");
    }
}

#[test]
fn the_first_prompt_is_final_and_a_command_stands_in_for_it() {
    let command = r#"{"type":"user","message":{"content":"<command-name>/init</command-name>"}}"#;
    let prompt = r#"{"type":"user","message":{"content":"Hello"}}"#;
    let later = r#"{"type":"user","message":{"content":"<command-name>/x</command-name>"}}"#;
    assert_eq!(
        folded(&[command]).info().unwrap().first_prompt.as_deref(),
        Some("/init")
    );
    let info = folded(&[command, later, prompt, later]).info().unwrap();
    assert_eq!(
        (info.first_prompt.as_deref(), info.summary.as_str()),
        (Some("Hello"), "Hello")
    );
    assert_eq!(folded(&[prompt, command]).texts.command_fallback, None);
    for other in [
        r#"{"type":"assistant","message":{"content":"Hi"}}"#,
        r#"{"type":"user","isMeta":true,"message":{"content":"Hi"}}"#,
        r#"{"type":"user","isCompactSummary":true,"message":{"content":"Hi"}}"#,
        r#"{"type":"user","message":"Hi"}"#,
        r#"{"type":"user"}"#,
    ] {
        assert_eq!(folded(&[other]).info(), None, "{other}");
    }
}

#[test]
fn the_summary_is_the_best_text_there_is() {
    let mut lines = vec![r#"{"type":"user","message":{"content":"prompt"}}"#];
    for (line, summary, title) in [
        (r#"{"gitBranch":"","cwd":"/w"}"#, "prompt", None),
        (r#"{"summary":"hint"}"#, "hint", None),
        (r#"{"lastPrompt":"last"}"#, "last", None),
        (r#"{"aiTitle":"by the agent"}"#, "by the agent", Some("by the agent")),
        (r#"{"customTitle":"by hand"}"#, "by hand", Some("by hand")),
        (r#"{"customTitle":""}"#, "by the agent", Some("by the agent")),
    ] {
        lines.push(line);
        let info = folded(&lines).info().unwrap();
        assert_eq!(
            (info.summary.as_str(), info.custom_title.as_deref()),
            (summary, title),
            "{line}"
        );
        assert_eq!((info.git_branch, info.cwd.as_deref()), (None, Some("/w")));
    }
}

#[test]
fn members_that_are_not_known_are_kept() {
    let stored = r#"{ "future" : {"a":[1e999,"\ud800"]}, "cwd":"/w", "tag":null,"n":-0}"#;
    let mut fold = Fold::from_json(stored).unwrap();
    fold.fold(br#"{"customTitle":"x","cwd":"/other"}"#);
    assert_eq!(
        fold.to_json(),
        r#"{"is_sidechain":false,"cwd":"/w","custom_title":"x","future":{"a":[1e999,"\ud800"]},"n":-0}"#
    );
}

#[test]
fn what_is_no_summary_is_refused() {
    for text in ["", "[]", "{", "{} {}"] {
        assert!(matches!(Fold::from_json(text), Err(FoldError::Syntax(_))), "{text}");
    }
    for (text, name) in [
        (r#"{"created_at":"x"}"#, "created_at"),
        (r#"{"is_sidechain":1}"#, "is_sidechain"),
        (r#"{"first_prompt_locked":"true"}"#, "first_prompt_locked"),
        (r#"{"cwd":1}"#, "cwd"),
    ] {
        assert_eq!(Fold::from_json(text), Err(FoldError::Type(name)));
    }
}

#[test]
fn a_summary_stays_small() {
    let long = "\u{e9}".repeat(1 << 20);
    let line = format!(r#"{{"type":"user","message":{{"content":"{long}"}},"lastPrompt":"{long}","cwd":"x{long}"}}"#);
    let fold = folded(&[&line]);
    let (cwd, last) = (
        fold.texts.cwd.as_ref().unwrap(),
        fold.texts.last_prompt.as_ref().unwrap(),
    );
    assert_eq!((cwd.len(), last.len()), (MAX_TEXT - 1, MAX_TEXT));
    assert!(fold.to_json().len() < 3 * MAX_TEXT);
}

#[test]
fn debug_shows_no_texts() {
    let fold = folded(&[r#"{"customTitle":"secret"}"#]);
    assert_eq!(
        format!("{fold:?}"),
        "Fold { is_sidechain: Some(false), created_at: None, .. }"
    );
}

/// Entries that change a summary, and hostile ones.
fn entries() -> impl Strategy<Value = Vec<String>> {
    let text = prop_oneof![
        "[a-z é\n]{0,8}",
        Just("<command-name>/x</command-name>".to_owned()),
        Just("<tick>".to_owned()),
    ];
    let member = prop_oneof![
        Just("customTitle"),
        Just("aiTitle"),
        Just("cwd"),
        Just("tag"),
        Just("gitBranch")
    ];
    let line = prop_oneof![
        hostile::entry(),
        (text.clone(), any::<bool>()).prop_map(|(text, meta)| {
            serde_json::json!({"type": "user", "isMeta": meta, "message": {"content": text}}).to_string()
        }),
        (member, text).prop_map(|(key, text)| serde_json::json!({"type": "tag", key: text}).to_string()),
        Just("not json".to_owned()),
    ];
    prop::collection::vec(line, 0..12)
}

proptest! {
    #[test]
    fn folding_step_by_step_is_folding_at_once(lines in entries(), stored in prop::collection::vec(any::<bool>(), 12)) {
        let mut steps = Fold::new();
        for (line, stored) in lines.iter().zip(stored) {
            steps.fold(line.as_bytes());
            if stored {
                steps = Fold::from_json(&steps.to_json()).unwrap();
            }
        }
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        prop_assert_eq!(steps.to_json(), json(&lines));
        prop_assert_eq!(steps.info(), folded(&lines).info());
    }

    #[test]
    fn the_state_is_an_object_whatever_comes(lines in entries()) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        prop_assert_eq!(crate::transcript::check_entry(json(&lines).as_bytes()), Ok(()));
    }
}
