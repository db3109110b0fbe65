use std::path::Path;

use super::*;

#[test]
fn a_living_writer_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let first = Spool::open(state.path()).unwrap();
    first.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    let second = Spool::open(state.path()).unwrap();
    assert_ne!(first.writer(), second.writer());
    assert!(second.adopt().unwrap().spools.is_empty());
    assert!(first.adopt().unwrap().spools.is_empty());

    let writer = first.writer().to_owned();
    let stream = first.stream(&key("a")).unwrap();
    first.close_blocking();
    drop(first);
    // Who has a stream in hand holds the lock.
    assert!(second.adopt().unwrap().spools.is_empty());
    drop(stream);
    let adoption = second.adopt().unwrap();
    assert_eq!(adoption.spools[0].writer(), writer);
    assert_eq!(read(&adoption.spools[0].streams()[0]), lines(&entries(0, 1)));
    // And only one adopts it.
    let third = Spool::open(state.path()).unwrap();
    assert!(third.adopt().unwrap().spools.is_empty());
}

/// Names are random: ten of them stand in the right order by chance once in millions.
#[test]
fn spools_are_adopted_in_the_order_in_which_their_processes_began() {
    let state = tempfile::tempdir().unwrap();
    let writers = (0..10).map(|n| {
        let spool = Spool::open(state.path()).unwrap();
        spool.append_blocking(&key("a"), &entries(n, 1)).unwrap();
        spool.close_blocking();
        spool.writer().to_owned()
    });
    let writers: Vec<_> = writers.collect();
    let adoption = Spool::open(state.path()).unwrap().adopt().unwrap();
    let adopted: Vec<_> = adoption.spools.iter().map(Adopted::writer).collect();
    assert_eq!(adopted, writers);
}

#[test]
fn an_adopted_spool_is_removed_when_told_to() {
    let state = tempfile::tempdir().unwrap();
    let first = Spool::open(state.path()).unwrap();
    first.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    let dir = state.path().join("spool").join(first.writer());
    first.close_blocking();
    drop(first);
    let second = Spool::open(state.path()).unwrap();
    let adopted = second.adopt().unwrap().spools.pop().unwrap();
    assert!(dir.exists());
    adopted.remove().unwrap();
    assert!(!dir.exists());
    assert!(second.adopt().unwrap().spools.is_empty());
}

#[test]
fn a_spool_without_streams_goes_by_itself() {
    let state = tempfile::tempdir().unwrap();
    let first = Spool::open(state.path()).unwrap();
    let dir = state.path().join("spool").join(first.writer());
    assert!(dir.exists());
    first.close_blocking();
    drop(first);
    assert!(Spool::open(state.path()).unwrap().adopt().unwrap().spools.is_empty());
    assert!(!dir.exists());
}

fn rewrite_identity(change: impl Fn(String) -> String) -> Vec<SpoolError> {
    let state = tempfile::tempdir().unwrap();
    let first = Spool::open(state.path()).unwrap();
    first.append_blocking(&key("a"), &entries(0, 1)).unwrap();
    let identity = state.path().join("spool").join(first.writer()).join("writer.json");
    first.close_blocking();
    drop(first);
    let text = std::fs::read_to_string(&identity).unwrap();
    std::fs::write(&identity, change(text)).unwrap();
    let adoption = Spool::open(state.path()).unwrap().adopt().unwrap();
    assert!(adoption.spools.is_empty());
    adoption.refused
}

#[test]
fn a_newer_format_is_refused() {
    let refused = rewrite_identity(|text| text.replace("\"version\":1", "\"version\":2"));
    assert!(
        matches!(refused[..], [SpoolError::Newer { found: 2, .. }]),
        "{refused:?}"
    );
}

#[test]
fn a_copy_under_another_name_is_refused() {
    let refused = rewrite_identity(|text| text.replace("\"writer\":\"", "\"writer\":\"x"));
    assert!(matches!(refused[..], [SpoolError::Moved { .. }]), "{refused:?}");
}

#[test]
fn one_unreadable_record_hides_no_other_stream() {
    let state = tempfile::tempdir().unwrap();
    let first = Spool::open(state.path()).unwrap();
    for session in ["a", "b"] {
        first.append_blocking(&key(session), &entries(0, 1)).unwrap();
    }
    let dir = state.path().join("spool").join(first.writer());
    first.close_blocking();
    drop(first);
    let is_record = |path: &PathBuf| path.ends_with("stream.json");
    let record = walk(&dir).into_iter().find(is_record).unwrap();
    std::fs::write(record, "{").unwrap();
    let adoption = Spool::open(state.path()).unwrap().adopt().unwrap();
    let adopted = &adoption.spools[0];
    assert_eq!(adopted.streams().len(), 1);
    assert!(matches!(adopted.alarms()[0].trouble, FileTrouble::Unreadable(_)));
}

/// Cuts the file of a stream to `size`, its mark standing or taken away, and adopts it.
fn cut_and_adopt(count: usize, size: impl Fn(usize) -> usize, with_mark: bool) -> (Adopted, Arc<Stream>, Vec<u8>) {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, count)).unwrap();
    let file = file_of(&spool, &key("a"));
    drop(spool);
    let disk = disk.kill();
    let bytes = disk.files(file.to_str().unwrap()).remove(0).1;
    let open = Disk::open(&disk, &file).unwrap();
    open.set_size(size(bytes.len()) as u64).unwrap();
    if !with_mark {
        let (mark, _) = disk.files("synced").remove(0);
        Disk::remove(&disk, &mark).unwrap();
    }
    let (adopted, stream) = adopt_one(&disk);
    (adopted, stream, bytes)
}

fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &bytes[..end]
}

#[test]
fn a_file_cut_at_any_byte_of_its_end_is_whole_up_to_there() {
    for cut in 0..4096 {
        let (adopted, stream, bytes) = cut_and_adopt(150, |size| size.saturating_sub(cut), false);
        let kept = &bytes[..bytes.len().saturating_sub(cut)];
        assert_eq!(read(&stream).as_bytes(), whole_lines(kept), "{cut} bytes less");
        let torn = kept.len() - whole_lines(kept).len();
        match adopted.alarms() {
            [] => assert_eq!(torn, 0),
            [alarm] => assert!(matches!(alarm.trouble, FileTrouble::Cut { bytes } if bytes == torn as u64)),
            more => panic!("{more:?}"),
        }
        assert_eq!(stream.damage(), None);
    }
}

#[test]
fn a_file_that_lost_synced_bytes_is_damaged_and_kept() {
    for cut in 1..4096 {
        let (adopted, stream, bytes) = cut_and_adopt(150, |size| size.saturating_sub(cut), true);
        let kept = &bytes[..bytes.len().saturating_sub(cut)];
        assert_eq!(read(&stream).as_bytes(), whole_lines(kept));
        let damage = stream.damage().unwrap();
        assert_eq!((damage.recorded.line, damage.found), (151, stream.end()));
        let [alarm] = adopted.alarms() else { panic!() };
        assert!(matches!(alarm.trouble, FileTrouble::Damaged(_)));
        assert!(alarm.file.starts_with(Path::new("/spool").join(adopted.writer())));
        let pruned = stream.prune(Base { lines: 1, stored: None });
        assert!(matches!(pruned, Err(ReadError::Damaged { .. })));
    }
}

#[test]
fn what_is_torn_behind_the_mark_is_cut() {
    let torn = [
        "{\"half\":",
        "\0\0\0\0\n{}\n",
        "no json\n",
        "{}\n[]\n{}\n",
        "{\"\u{fffd}\":\"\n",
    ];
    for (tail, more) in torn.into_iter().zip([0, 0, 0, 1, 0]) {
        let disk = Simulated::new();
        let spool = open(&disk);
        spool.append_blocking(&key("a"), &entries(0, 3)).unwrap();
        let file = file_of(&spool, &key("a"));
        drop(spool);
        let disk = disk.kill();
        let whole = lines(&entries(0, 3));
        let open = Disk::open(&disk, &file).unwrap();
        open.write_at(tail.as_bytes(), whole.len() as u64).unwrap();
        let (adopted, stream) = adopt_one(&disk);
        assert_eq!(read(&stream), whole.clone() + &"{}\n".repeat(more));
        assert!(matches!(adopted.alarms()[0].trouble, FileTrouble::Cut { .. }));
        assert_eq!(disk.files("s.jsonl").len(), 0);
        let left = disk.files(file.to_str().unwrap()).remove(0).1;
        assert_eq!(left.len() as u64, stream.end().offset);
    }
}

#[test]
fn a_file_that_is_gone_is_told_of() {
    let disk = Simulated::new();
    let spool = open(&disk);
    spool.append_blocking(&key("a"), &entries(0, 3)).unwrap();
    let file = file_of(&spool, &key("a"));
    drop(spool);
    let disk = disk.kill();
    Disk::remove(&disk, &file).unwrap();
    let adoption = open(&disk).adopt().unwrap();
    assert!(matches!(
        adoption.spools[0].alarms()[0].trouble,
        FileTrouble::Unreadable(_)
    ));
}
