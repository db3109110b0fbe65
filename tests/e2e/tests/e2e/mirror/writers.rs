//! Two processes that append to one stream at once.

use mirrorbox_e2e::{Appender, Mirrored, Run, acked_lines, amount, lines_of, stored};
use nix::sys::signal::Signal;

/// Many of their entries are the same: whose each is, its origin says.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_keep_all_lines_each_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    let mut both = ["here", "there"].map(|run| Appender::start(&mirrored, run));
    let count = amount(2_000, 10_000);
    for one in &mut both {
        one.append("one", 0, count);
    }
    for one in &mut both {
        one.wait_appended(1);
    }
    // Either may be first: then in turns, so that each meets what the other wrote.
    for round in 0..2 {
        for one in &mut both {
            one.append("one", count + round * 50, 50);
            one.wait_appended(1);
            assert_eq!(one.flush(), 0);
        }
    }
    let runs = both.map(|mut one| {
        for destination in ["fs", "faulty"] {
            let status = one.status(destination);
            let told = status["counts"]["events"]["foreign_writer"].as_u64();
            assert!(told >= Some(1), "{status:#}");
        }
        one.close(90).0
    });
    for folder in mirrored.folders() {
        let stored = stored(&folder, "one").await;
        let total: usize = stored.iter().map(|(_, lines)| lines.lines().count()).sum();
        assert_eq!(total as u64, 2 * (count + 100));
        for run in &runs {
            assert!(
                lines_of(&stored, &run.writer) == acked_lines(run, "one"),
                "{}",
                run.name
            );
        }
    }
}

/// A process that was stopped while another took over finds that out and leaves the stream alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_writer_wins_where_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    mirrored.last_writer_wins();
    let mut older = Appender::start(&mirrored, "older");
    older.append("one", 0, 300);
    older.wait_appended(1);
    assert_eq!(older.flush(), 0);
    older.signal(Signal::SIGSTOP);

    let mut newer = Appender::start(&mirrored, "newer");
    newer.append("one", 0, 300);
    newer.wait_appended(1);
    assert_eq!(newer.flush(), 0);

    older.signal(Signal::SIGCONT);
    older.append("one", 300, 100);
    older.wait_appended(1);
    for destination in ["fs", "faulty"] {
        let status = older.wait_status(destination, |status| status["streams"][0]["state"] == "stopped");
        assert_eq!(status["counts"]["events"]["superseded"], 1, "{status:#}");
        assert_eq!(
            status["streams"][0]["entries"], 100,
            "they stay in the spool: {status:#}"
        );
    }
    newer.append("one", 300, 100);
    newer.wait_appended(1);
    let (newer, left) = newer.close(90);
    assert_eq!(left, 0);
    let mut older = older.kill();
    assert_eq!(older.acked["one"], 400);
    older.acked.insert("one".to_owned(), 300);
    mirrored.check("one", &[older, newer] as &[Run]).await;
}
