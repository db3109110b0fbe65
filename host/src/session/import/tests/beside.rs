use super::*;

/// Commands side by side: each file is asked for, and what was added since is left to the next import.
#[tokio::test]
async fn what_others_bring_is_left_to_them() {
    let dir = Projects::new();
    dir.write("-srv/here.jsonl", "{\"n\":1}\n")
        .write("-srv/left.jsonl", "{\"n\":1}\n");
    let here = dir.path().join("-srv/here.jsonl");
    let leave_out = LeaveOut::new(move |key, path, bytes| {
        assert_eq!((path, bytes), (&*format!("-srv/{}.jsonl", key.session_id()), 8));
        // It grows while it is asked for.
        std::fs::write(&here, "{\"n\":1}\n{\"n\":2}\n").unwrap();
        (key.session_id() == "left").then(|| "a run has it".to_owned())
    });
    let what = Import {
        leave_out: Some(leave_out),
        ..Import::default()
    };
    let store = Arc::new(MemoryStore::new());
    let report = import(store.clone(), dir.path(), &what, silent()).await.unwrap();
    let [ImportNote::PassedOver { file, reason }] = &report.notes[..] else {
        panic!("{:?}", report.notes)
    };
    assert!(file.ends_with("left.jsonl") && reason == "a run has it");
    let keys = ["here", "left"].map(|session| SessionKey::main("-srv", session).unwrap());
    let here = stored(&*store, &keys[0]).await;
    assert_eq!((&*here, store.end(&keys[1]).await.unwrap()), ("{\"n\":1}\n", None));
}
