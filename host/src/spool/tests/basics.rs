use std::fs;

use super::*;
use crate::store::{Chain, Position};

fn stored(number: u64) -> Option<Stored> {
    let digest = "ab".repeat(32).parse().unwrap();
    Some(Stored {
        destination: "archive".into(),
        position: Position { number, digest },
    })
}

#[test]
fn what_is_appended_is_read_back() {
    let spool = open(&Simulated::new());
    let end = spool.append_blocking(&key("a"), &entries(0, 3)).unwrap();
    spool.append_blocking(&key("b"), &entries(7, 1)).unwrap();
    let last = spool.append_blocking(&key("a"), &entries(3, 2)).unwrap();

    let stream = spool.stream(&key("a")).unwrap();
    assert_eq!(read(&stream), lines(&entries(0, 5)));
    assert_eq!((end.line, last.line, stream.end()), (4, 6, last));
    let keys: Vec<_> = spool.streams().iter().map(|stream| stream.key().clone()).collect();
    assert_eq!(keys, [key("a"), key("b")]);
}

#[test]
fn a_call_with_one_bad_entry_is_refused_whole() {
    let spool = open(&Simulated::new());
    for bad in [&b"{\"a\":\n1}"[..], b"[]", b"{\"a\":\"\xff\"}", b"", b"{"] {
        let error = spool.append_blocking(&key("a"), &[b"{}", bad]).unwrap_err();
        assert!(matches!(error, AppendError::Entry { index: 1, .. }), "{error}");
        assert!(!error.can_retry());
    }
    assert!(spool.streams().is_empty());
}

#[test]
fn bytes_stay_what_they_are() {
    let spool = open(&Simulated::new());
    let odd = [r#"{ "n":1e308, "n":-0,"s":"\u0000\ud800" }"#, "{\"cr\":1}\r", " {}"];
    spool.append_blocking(&key("a"), &odd).unwrap();
    assert_eq!(read(&spool.stream(&key("a")).unwrap()), odd.join("\n") + "\n");
}

#[test]
fn an_empty_call_ends_where_the_stream_does() {
    let spool = open(&Simulated::new());
    let end = spool.append_blocking(&key("a"), &entries(0, 2)).unwrap();
    assert_eq!(spool.append_blocking::<&str>(&key("a"), &[]).unwrap(), end);
}

#[test]
fn chunks_are_bounded_and_a_larger_line_goes_alone() {
    let spool = open(&Simulated::new());
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20));
    let fitting = format!("{{\"a\":\"{}\"}}", "x".repeat(CHUNK_BYTES - 9));
    assert_eq!(fitting.len() + 1, CHUNK_BYTES);
    let half = format!("{{\"a\":\"{}\"}}", "x".repeat(600 << 10));
    for part in [&vec!["{}".to_owned(); 1001], &vec![large, fitting, half.clone(), half]] {
        spool.append_blocking(&key("a"), part).unwrap();
    }
    let stream = spool.stream(&key("a")).unwrap();
    let mut place = stream.start();
    let mut counts = Vec::new();
    while let Some(chunk) = stream.read(place).unwrap() {
        counts.push(chunk.next.line - chunk.first.line);
        place = chunk.next;
    }
    assert_eq!(counts, [500, 500, 1, 1, 1, 1, 1]);
}

#[test]
fn a_place_that_is_none_is_refused() {
    let spool = open(&Simulated::new());
    spool.append_blocking(&key("a"), &entries(0, 3)).unwrap();
    let stream = spool.stream(&key("a")).unwrap();
    let end = stream.end();
    let at = |line, offset| stream.read(Place { line, offset });
    assert!(matches!(at(1, 1), Err(ReadError::Misplaced { .. })));
    assert!(matches!(at(2, 0), Err(ReadError::Misplaced { .. })));
    assert!(matches!(at(0, 0), Err(ReadError::Pruned { .. })));
    assert!(matches!(at(9, end.offset + 1), Err(ReadError::Beyond { .. })));
    assert!(matches!(at(3, end.offset), Err(ReadError::Misplaced { .. })));
    assert_eq!(at(end.line, end.offset).unwrap(), None);
}

#[test]
fn a_line_is_found() {
    let spool = open(&Simulated::new());
    let entries = entries(0, 20_000);
    spool.append_blocking(&key("a"), &entries).unwrap();
    let stream = spool.stream(&key("a")).unwrap();
    for line in [1, 2, 9_999, 20_000] {
        let place = stream.find(line).unwrap();
        let chunk = stream.read(place).unwrap().unwrap();
        let expected = entries[line as usize - 1].as_bytes();
        assert!(chunk.payload.starts_with(expected), "line {line}");
        assert_eq!(place.line, line);
    }
    assert_eq!(stream.find(20_001).unwrap(), stream.end());
    assert!(matches!(stream.find(20_002), Err(ReadError::Beyond { .. })));
    assert!(matches!(stream.find(0), Err(ReadError::Pruned { .. })));
}

#[test]
fn a_stream_that_begins_later_numbers_its_lines_so() {
    let disk = Simulated::new();
    let spool = open(&disk);
    let base = Base {
        lines: 41,
        stored: stored(7),
    };
    spool.begin_blocking(&key("a"), base.clone()).unwrap();
    spool.begin_blocking(&key("a"), base.clone()).unwrap();
    let other = spool.begin_blocking(&key("a"), Base::default());
    assert!(matches!(other, Err(AppendError::Begun { .. })), "{other:?}");
    assert_eq!(spool.append_blocking(&key("a"), &entries(0, 1)).unwrap().line, 43);
    drop(spool);

    let (_, stream) = adopt_one(&disk.kill());
    assert_eq!((stream.base(), stream.start().line), (base, 42));
    assert_eq!(read(&stream), lines(&entries(0, 1)));
}

#[test]
fn pruning_keeps_places_and_numbers() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 10)).unwrap();
    let stream = spool.stream(&key("a")).unwrap();
    let (fifth, end) = (stream.find(5).unwrap(), stream.end());
    let base = Base {
        lines: 4,
        stored: stored(2),
    };
    stream.prune(base.clone()).unwrap();
    // Less than that is gone already.
    stream.prune(Base::default()).unwrap();
    assert_eq!(
        (stream.start(), stream.end(), stream.base()),
        (fifth, end, base.clone())
    );
    assert_eq!(read(&stream), lines(&entries(4, 6)));
    assert!(matches!(
        stream.read(Place { line: 1, offset: 0 }),
        Err(ReadError::Pruned { .. })
    ));
    assert!(matches!(
        stream.prune(Base { lines: 11, ..base }),
        Err(ReadError::Beyond { .. })
    ));

    spool.append_blocking(&key("a"), &entries(10, 1)).unwrap();
    assert_eq!(read(&stream), lines(&entries(4, 7)));
    let all = Base {
        lines: 11,
        stored: None,
    };
    stream.prune(all).unwrap();
    assert_eq!((read(&stream), stream.start()), (String::new(), stream.end()));
    spool.append_blocking(&key("a"), &entries(11, 1)).unwrap();
    drop((spool, stream));

    let (_, stream) = adopt_one(&disk.kill());
    assert_eq!((stream.start().line, read(&stream)), (12, lines(&entries(11, 1))));
}

#[test]
fn digests_of_a_base_survive() {
    let disk = Simulated::new();
    let spool = open(&disk);
    let position = Position {
        number: 3,
        digest: Chain::start(&key("a"))
            .number_draft(crate::store::BatchDraft {
                kind: crate::store::Kind::Claim,
                origin: crate::store::Origin {
                    writer: "w".into(),
                    line: 1,
                },
                payload: bytes::Bytes::new(),
            })
            .digest,
    };
    let destination = "archive".to_owned();
    let base = Base {
        lines: 0,
        stored: Some(Stored { destination, position }),
    };
    spool.begin_blocking(&key("a"), base.clone()).unwrap();
    drop(spool);
    assert_eq!(adopt_one(&disk.kill()).1.base(), base);
}

#[test]
fn files_lie_as_the_agent_has_them_and_for_nobody_else() {
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(&state.path().join("made/here")).unwrap();
    let agent = key("s").with_subpath("subagents/agent-1").unwrap();
    for key in [&key("s"), &agent] {
        spool.append_blocking(key, &entries(0, 2)).unwrap();
    }
    let projects = state
        .path()
        .join("made/here/spool")
        .join(spool.writer())
        .join("projects");
    for file in ["project/s.jsonl", "project/s/subagents/agent-1.jsonl"] {
        assert_eq!(fs::read_to_string(projects.join(file)).unwrap(), lines(&entries(0, 2)));
    }
    #[cfg(unix)]
    for path in crate::spool::tests::walk(&state.path().join("made")) {
        use std::os::unix::fs::PermissionsExt;
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{}", path.display());
    }
}

#[test]
fn keys_that_cannot_be_names_or_meet_have_files_of_their_own() {
    let main = |project, session| SessionKey::main(project, session).unwrap();
    let sub = |session, subpath| key(session).with_subpath(subpath).unwrap();
    let long = "x".repeat(300);
    let deep = "d/".repeat(2000) + "x";
    let keys = [
        main("..", "s"),
        main("/etc", "s"),
        main("a/b", "c"),
        main("a", "b/c"),
        main("projects", "lock"),
        main("lock", "writer.json"),
        main("project", &long),
        main("проект", "s"),
        key("a"),
        key("A"),
        sub("a.jsonl", "b"),
        sub("a", "b"),
        sub("a", "b.jsonl/c"),
        sub("a", "../../../x"),
        sub("a", "b//c"),
        sub("a", "b/c"),
        sub("a", &deep),
    ];
    let state = tempfile::tempdir().unwrap();
    let spool = Spool::open(state.path()).unwrap();
    for (n, key) in keys.iter().enumerate() {
        spool.append_blocking(key, &entries(n, 1)).unwrap();
    }
    assert_eq!(spool.streams().len(), keys.len());
    spool.close_blocking();
    drop(spool);
    let adoption = Spool::open(state.path()).unwrap().adopt().unwrap();
    let streams = adoption.spools[0].streams();
    for (n, key) in keys.iter().enumerate() {
        let stream = streams.iter().find(|stream| stream.key() == key).unwrap();
        assert_eq!(read(stream), lines(&entries(n, 1)), "{key}");
    }
    let outside = fs::read_dir(state.path()).unwrap().count();
    assert_eq!(outside, 1);
}

#[test]
fn after_closing_nothing_is_accepted_and_everything_is_there() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    let call = entries(1, 1);
    let late = spool.append(&key("a"), &call);
    disk.hold_syncs();
    std::thread::scope(|scope| {
        let accepted = spool.append(&key("a"), &call);
        let accepted = scope.spawn(move || block_on(accepted));
        disk.wait_held(1);
        let closed = spool.close();
        disk.release();
        block_on(closed);
        assert_eq!(accepted.join().unwrap().unwrap().line, 3);
    });
    assert!(matches!(block_on(late), Err(AppendError::Closed)));
    drop(spool);
    assert_eq!(read(&adopt_one(&disk).1), lines(&entries(0, 2)));
}
