//! Approvals on disk: what is recorded when, by one process or by several at once.

use std::fs;
use std::thread;

use super::*;

fn directory() -> (tempfile::TempDir, Approvals) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("adapters")).unwrap();
    let approvals = Approvals::of(dir.path(), false);
    (dir, approvals)
}

fn entry(approvals: &Approvals, digest: u8, imports: &[&str]) -> LockEntry {
    let imports: Vec<_> = imports.iter().map(|import| (*import).to_owned()).collect();
    approvals.entry(&format!("{digest:02x}").repeat(32), &imports, &Manifest::default())
}

#[test]
fn what_opened_first_is_trusted_and_what_wants_more_waits() {
    let (_dir, approvals) = directory();
    let (narrow, wide) = (
        entry(&approvals, 1, &["a:a/a"]),
        entry(&approvals, 2, &["a:a/a", "a:a/b"]),
    );
    // Admitted and never opened: nothing is known of it.
    assert_eq!(approvals.admit("mine", wide.clone()).unwrap().verdict(), &Verdict::New);
    assert!(!approvals.path().exists());
    approvals.admit("mine", narrow.clone()).unwrap().record();
    assert_eq!(approvals.approved("mine").unwrap(), Some(narrow.clone()));
    let error = approvals.admit("mine", wide.clone()).unwrap_err().to_string();
    assert!(
        error.contains("imports a:a/b") && error.contains("adapters approve mine"),
        "{error}"
    );
    // Approved, and then narrower again without asking.
    approvals.approve("mine", &wide).unwrap();
    assert_eq!(approvals.admit("mine", wide.clone()).unwrap().verdict(), &Verdict::Same);
    approvals.admit("mine", narrow).unwrap().record();
    assert!(approvals.admit("mine", wide.clone()).is_err());
    approvals.forget("mine").unwrap();
    assert_eq!(approvals.admit("mine", wide).unwrap().verdict(), &Verdict::New);
}

#[test]
fn with_everything_approved_it_is_taken_down() {
    let (_dir, approvals) = directory();
    let (narrow, wide) = (entry(&approvals, 1, &[]), entry(&approvals, 2, &["a:a/b"]));
    approvals.approve("mine", &narrow).unwrap();
    let auto = approvals.clone().approving_everything();
    auto.admit("mine", wide.clone()).unwrap().record();
    assert_eq!(approvals.approved("mine").unwrap(), Some(wide));
}

#[test]
fn who_was_admitted_before_somebody_approved_less_records_nothing() {
    let (_dir, approvals) = directory();
    let (narrow, wide) = (entry(&approvals, 1, &[]), entry(&approvals, 2, &["a:a/b"]));
    let admitted = approvals.admit("mine", wide).unwrap();
    approvals.approve("mine", &narrow).unwrap();
    admitted.record();
    assert_eq!(approvals.approved("mine").unwrap(), Some(narrow));
}

#[test]
fn an_unchanged_file_is_not_written_again() {
    let (_dir, approvals) = directory();
    let first = entry(&approvals, 1, &[]);
    approvals.approve("mine", &first).unwrap();
    fs::write(
        approvals.path(),
        format!("# a remark\n{}", fs::read_to_string(approvals.path()).unwrap()),
    )
    .unwrap();
    approvals.admit("mine", first.clone()).unwrap().record();
    approvals.record("mine", &first).unwrap();
    assert!(fs::read_to_string(approvals.path()).unwrap().starts_with("# a remark"));
}

#[test]
fn many_who_write_at_once_lose_nothing() {
    let (dir, approvals) = directory();
    thread::scope(|scope| {
        for number in 0..8_u8 {
            let approvals = &approvals;
            scope.spawn(move || {
                for round in 0..8_u8 {
                    let entry = entry(approvals, number * 8 + round, &[]);
                    approvals.approve(&format!("adapter-{number}-{round}"), &entry).unwrap();
                }
            });
        }
    });
    let content = approvals.read().unwrap();
    assert_eq!(content.entries.len(), 64);
    let files: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(files.len(), 2, "nothing is left lying about: {files:?}");
}

#[cfg(unix)]
#[test]
fn a_link_to_the_file_stays_one() {
    let (dir, approvals) = directory();
    let target = dir.path().join("elsewhere.lock");
    fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, approvals.path()).unwrap();
    approvals.approve("mine", &entry(&approvals, 1, &[])).unwrap();
    assert!(approvals.path().symlink_metadata().unwrap().is_symlink());
    assert!(fs::read_to_string(target).unwrap().contains("mine"));
}

#[test]
fn a_file_that_cannot_be_written_stops_nobody_but_who_approves() {
    let (_dir, approvals) = directory();
    let wanted = entry(&approvals, 1, &[]);
    // A directory where the new file is to be made: no user can write it, not even root.
    fs::create_dir(approvals.path().with_file_name(".adapters.lock.new")).unwrap();
    approvals.admit("mine", wanted.clone()).unwrap().record();
    assert_eq!(approvals.approved("mine").unwrap(), None);
    let error = approvals.approve("mine", &wanted).unwrap_err().to_string();
    assert!(
        error.contains("cannot write") && error.contains("adapters.lock"),
        "{error}"
    );
}

#[test]
fn a_broken_file_is_never_taken_for_an_empty_one() {
    let (_dir, approvals) = directory();
    fs::write(approvals.path(), "[adapters.mine]\nsha256 = 1\n").unwrap();
    let auto = approvals.clone().approving_everything();
    let error = auto.admit("mine", entry(&approvals, 1, &[])).unwrap_err().to_string();
    assert!(error.contains("adapters.lock, line 2"), "{error}");
    approvals.approve("mine", &entry(&approvals, 1, &[])).unwrap_err();
    assert!(fs::read_to_string(approvals.path()).unwrap().contains("sha256 = 1"));
}

#[test]
fn what_is_tried_is_trusted_once_whether_it_opens_or_not() {
    let (_dir, approvals) = directory();
    let (narrow, wide) = (entry(&approvals, 1, &["a:a/a"]), entry(&approvals, 2, &["a:a/b"]));
    let admitted = approvals.admit("mine", narrow.clone()).unwrap();
    admitted.try_out().unwrap();
    assert!(approvals.approved("mine").unwrap().unwrap().tried);
    assert!(
        approvals.admit("mine", wide.clone()).is_err(),
        "it never opened, and was trusted all the same"
    );
    // It may be tried again as it is, and another process that saw nothing there either comes too late.
    approvals.admit("mine", narrow.clone()).unwrap().try_out().unwrap();
    approvals.forget("mine").unwrap();
    let [first, second] = [&narrow, &wide].map(|entry| approvals.admit("mine", entry.clone()).unwrap());
    first.try_out().unwrap();
    let error = second.try_out().unwrap_err().to_string();
    assert!(error.contains("imports a:a/b"), "{error}");
    // Once it opens, it is like any other.
    approvals.admit("mine", narrow.clone()).unwrap().record();
    assert_eq!(approvals.approved("mine").unwrap(), Some(narrow));
}
