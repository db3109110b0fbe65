use std::collections::HashMap;

use serde_json::Value;

use super::*;

/// The rows of each turn.
fn turns(seed: u64, count: usize) -> Vec<Vec<String>> {
    let text = Text::new(&mut Rng::with_seed(seed));
    let mut session = Session::new(seed, &text, "/srv/app", Attachments::within(u64::MAX));
    let rows = |_| {
        let mut out = String::new();
        session.turn(&mut out);
        out.lines().map(str::to_owned).collect()
    };
    (0..count).map(rows).collect()
}

/// A lone surrogate has no value here; the rest of the row has.
fn parse(row: &str) -> Value {
    let row = ["\\ud83d", "\\udc00"]
        .iter()
        .fold(row.to_owned(), |row, cut| row.replace(cut, "?"));
    serde_json::from_str(&row).unwrap_or_else(|error| panic!("{error}: {row}"))
}

#[test]
fn turns_have_as_many_rows_as_real_ones() {
    for seed in 0..50 {
        let turns = turns(seed, 10);
        assert!((20..=31).contains(&turns[0].len()), "first turn: {}", turns[0].len());
        for turn in &turns[1..] {
            assert!((8..=20).contains(&turn.len()), "later turn: {}", turn.len());
        }
    }
}

#[test]
fn a_first_turn_has_its_great_attachments() {
    let first = turns(1, 1).remove(0);
    let longest = first.iter().max_by_key(|row| row.len()).unwrap();
    assert!(
        longest.contains("prompt_snapshot") && longest.len() > 80_000,
        "{}",
        longest.len()
    );
    assert!(
        first
            .iter()
            .any(|row| row.contains("skill_listing") && row.len() > 14_000)
    );
}

#[test]
fn rows_are_chained_json_objects() {
    let mut known = HashMap::new();
    for row in turns(3, 100).concat() {
        let row = parse(&row);
        assert!(row["type"].is_string());
        if let Some(parent) = row["parentUuid"].as_str() {
            assert!(known.contains_key(parent), "{parent} was never written");
        }
        if let Some(uuid) = row["uuid"].as_str() {
            *known.entry(uuid.to_owned()).or_insert(0) += 1;
        }
    }
    assert!(known.values().any(|times| *times > 1), "no uuid was repeated");
}

#[test]
fn a_long_session_has_a_row_of_every_kind() {
    let rows: Vec<Value> = turns(4, 300).concat().iter().map(|row| parse(row)).collect();
    for kind in [
        "queue-operation",
        "mode",
        "atis-latch",
        "user",
        "attachment",
        "assistant",
        "last-prompt",
        "tools-used",
        "cost-state",
        "ai-title",
        "custom-title",
        "tag",
        "progress",
        "system",
    ] {
        assert!(rows.iter().any(|row| row["type"] == kind), "no {kind}");
    }
    assert!(
        rows.iter()
            .any(|row| row["subtype"] == "compact_boundary" && row["parentUuid"].is_null())
    );
    assert!(
        rows.iter().any(|row| row["apiBlockIndex"] == 2),
        "no parallel tool calls"
    );
    assert!(rows.iter().any(|row| row["uuid"].is_null()));
    let stamps: Vec<_> = rows.iter().filter_map(|row| row["timestamp"].as_str()).collect();
    assert!(!stamps.is_sorted(), "stamps of real transcripts are not in order");
}
