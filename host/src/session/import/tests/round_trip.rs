use std::fmt;
use std::sync::Arc;

use mirrorbox_transcripts::hostile;
use proptest::prelude::*;

use super::MAIN;
use crate::agent_format::metadata;
use crate::session::fixture::{Projects, files};
use crate::session::{RestoreOptions, restore, silent};
use crate::store::MemoryStore;

/// A line with everything in it that a line can have.
fn hostile_line() -> impl Strategy<Value = Vec<u8>> {
    let entry = prop_oneof![
        Just(r#"{"a":"\u0000","b":"\ud800","c":1e999,"d":-0,"e":9223372036854775809}"#.to_owned()),
        Just("{\"type\":\"user\",\"type\":\"user\",\"x\":\"\u{2028}\\r\\n\"}".to_owned()),
        Just("{\"s\":\"crlf line\"}\r".to_owned()),
        Just(" { \"spaced\" : [ 1 , 2 ] } ".to_owned()),
        (0..3_u32).prop_map(|n| format!("{{\"uuid\":\"{n}\"}}")),
        "[^\n]{0,40}".prop_map(|text| text),
    ];
    let bytes = prop::collection::vec(any::<u8>(), 0..40)
        .prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != b'\n').collect::<Vec<_>>());
    prop_oneof![4 => entry.prop_map(String::into_bytes), 1 => bytes].prop_map(|mut line| {
        line.push(b'\n');
        line
    })
}

/// A file that prints itself as text.
#[derive(Clone)]
struct File(Vec<u8>);

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

fn hostile_file() -> impl Strategy<Value = File> {
    let lines = prop::collection::vec(hostile_line(), 1..40).prop_map(|lines| lines.concat());
    let entries = hostile::transcript(20).prop_map(String::into_bytes);
    prop_oneof![
        lines,
        entries.prop_filter("an empty file is passed over", |file| !file.is_empty())
    ]
    .prop_map(File)
}

/// A subagent's: a metadata entry in it would come back as the sidecar.
fn hostile_agent_file() -> impl Strategy<Value = File> {
    hostile_file().prop_filter("metadata moves", |file| {
        !file.0.split(|byte| *byte == b'\n').any(metadata::is_metadata)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out_to_the_byte(File(main) in hostile_file(), File(agent) in hostile_agent_file(), cut in 0.0..1.0_f64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let projects = Projects::new();
            let store = Arc::new(MemoryStore::new());
            // First a beginning of it that may end within a line, then all.
            let beginning = &main[..(main.len() as f64 * cut) as usize];
            projects.write(MAIN, beginning);
            projects.import(&store).await;
            projects
                .write(MAIN, &main)
                .write("project/session/subagents/agent-1.jsonl", &agent)
                .write("project/session/subagents/agent-1.meta.json", "{\"a\":[1, 2]}");
            projects.import(&store).await;

            let target = Projects::new();
            let report = restore(store, None, &target.path().join("new"), RestoreOptions::default(), silent()).await.unwrap();
            assert_eq!(report.totals.failures, 0, "{report:?}");
            assert!(files(&target.path().join("new/projects")) == files(projects.path()));
        });
    }
}
