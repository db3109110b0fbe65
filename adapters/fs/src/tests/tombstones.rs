use super::*;

fn files(backend: &Backend) -> Vec<String> {
    let names = std::fs::read_dir(backend.0.path().join("-srv-app/session")).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name.ends_with(".jsonl"));
    names.sort();
    names
}

#[test]
fn delete_leaves_the_tombstone_alone() {
    let (backend, mut fs) = Backend::with(3);
    fs.delete(&key(), tombstone(4)).unwrap();
    assert_eq!(files(&backend), ["00000000000000000004.jsonl"]);
    assert_eq!(load(&mut fs, &key()).unwrap(), [tombstone(4)]);
    assert_eq!(end(&mut fs), Some(4));
    let summaries = std::fs::read_dir(backend.0.path().join("-srv-app/session/summary")).unwrap();
    assert_eq!(summaries.count(), 0);
}

#[test]
fn delete_can_be_retried() {
    let (_backend, mut fs) = Backend::with(3);
    fs.delete(&key(), tombstone(4)).unwrap();
    fs.delete(&key(), tombstone(4)).unwrap();
    fs.append(&key(), entries(5), None).unwrap();
    fs.delete(&key(), tombstone(4)).unwrap();
    assert_eq!(numbers(&mut fs), [4, 5]);
}

#[test]
fn a_delete_that_comes_too_late_removes_nothing() {
    let (_backend, mut fs) = Backend::with(3);
    assert_eq!(fs.delete(&key(), tombstone(3)), Err(Error::Conflict));
    assert_eq!(numbers(&mut fs), [1, 2, 3]);
    assert_eq!(stored_summary(&mut fs), Some(3));
}

#[test]
fn delete_of_a_stream_that_never_was_makes_the_tombstone_its_first_batch() {
    let (_backend, mut fs) = Backend::with(0);
    fs.delete(&key(), tombstone(1)).unwrap();
    assert_eq!(numbers(&mut fs), [1]);
}

#[test]
fn an_appended_tombstone_hides_what_it_does_not_remove() {
    let (backend, mut fs) = Backend::with(3);
    fs.append(&key(), tombstone(4), None).unwrap();
    assert_eq!(files(&backend).len(), 4);
    assert_eq!(numbers(&mut fs), [4]);
    assert_eq!(stored_summary(&mut fs), None);
    let page = fs.load(&key(), 2, 100).unwrap();
    assert_eq!(page, [tombstone(4)]);
    fs.append(&key(), entries(5), None).unwrap();
    assert_eq!(stored_summary(&mut fs), None, "the summary is hidden too");
}

#[test]
fn numbers_up_to_a_tombstone_are_taken_for_ever() {
    let (backend, mut fs) = Backend::with(3);
    fs.delete(&key(), tombstone(4)).unwrap();
    for batch in [entries(2), foreign(2), tombstone(3), foreign(4)] {
        assert_eq!(fs.append(&key(), batch, Some(summary(9))), Err(Error::Conflict));
    }
    assert_eq!(files(&backend), ["00000000000000000004.jsonl"]);
    assert_eq!(stored_summary(&mut fs), None);
}

#[test]
fn a_batch_that_landed_before_the_tombstone_cannot_be_retried() {
    let (_backend, mut fs) = Backend::with(3);
    fs.append(&key(), tombstone(4), None).unwrap();
    assert_eq!(fs.append(&key(), entries(2), None), Err(Error::Conflict));
}

#[test]
fn the_session_starts_anew_after_a_tombstone() {
    let (_backend, mut fs) = Backend::with(3);
    fs.delete(&key(), tombstone(4)).unwrap();
    fs.append(&key(), entries(5), Some(summary(5))).unwrap();
    assert_eq!(numbers(&mut fs), [4, 5]);
    assert_eq!(stored_summary(&mut fs), Some(5));
    fs.delete(&key(), tombstone(6)).unwrap();
    fs.append(&key(), entries(7), None).unwrap();
    assert_eq!(numbers(&mut fs), [6, 7]);
    assert_eq!(stored_summary(&mut fs), None);
}

#[test]
fn a_mark_without_its_tombstone_hides_nothing() {
    let (_backend, mut fs) = Backend::with(3);
    let stream_key = key();
    fs.stream(&stream_key).mark(5).unwrap();
    fs.stream(&stream_key).mark(2).unwrap();
    assert_eq!(numbers(&mut fs), [1, 2, 3]);
    fs.append(&key(), entries(4), None).unwrap();
    fs.append(&key(), entries(5), Some(summary(5))).unwrap();
    assert_eq!(numbers(&mut fs), [1, 2, 3, 4, 5]);
    assert_eq!(stored_summary(&mut fs), Some(5));
}

#[test]
fn deleting_one_stream_leaves_the_others() {
    let (_backend, mut fs) = Backend::with(2);
    let agent = key().with_subpath("subagents/agent-1");
    fs.append(&agent, entries(1), None).unwrap();
    fs.delete(&key(), tombstone(3)).unwrap();
    assert_eq!(load(&mut fs, &agent).unwrap(), [entries(1)]);
    fs.delete(&agent, tombstone(2)).unwrap();
    assert_eq!(load(&mut fs, &agent).unwrap(), [tombstone(2)]);
}
