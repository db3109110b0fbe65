//! kill -9 at any moment: what was acknowledged is in every destination, once, in order, byte for byte.

use fastrand::Rng;
use mirrorbox_e2e::{Appender, Mirrored, Run, amount, seed};

const SESSIONS: [&str; 4] = ["one", "two", "three", "four"];

/// More than any process lives to append.
const ENDLESS: u64 = 1_000_000;

/// What goes wrong at the faulty destination while a process lives: among others, the moments between a sync and a
/// delivery, and between the backend's commit and the cursor.
const ORDERS: [&str; 8] = [
    "",
    "any before unavailable",
    "append after sleep",
    "append after trap 3",
    "append after unavailable 2",
    "append later unavailable 5",
    "append after throttled 1\nend before trap 1\nload after unavailable 1",
    "append before sleep 1\nappend after sleep 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill() {
    let mut rng = Rng::with_seed(seed());
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    mirrored.set_up_faulty("timeout = \"2s\"");
    mirrored.configure("keep = \"until-delivered\"");
    let mut runs = Vec::new();
    for number in 0..amount(25, 500) {
        runs.push(killed(&mirrored, &format!("run-{number}"), &mut rng));
        if rng.u8(..8) == 0 {
            runs.push(drained(&mirrored, &format!("drain-{number}")));
        }
    }
    runs.push(drained(&mirrored, "last"));
    for session in SESSIONS {
        mirrored.check(session, &runs).await;
    }
    let total: u64 = runs.iter().map(Run::total).sum();
    assert!(total > runs.len() as u64, "hardly anything was appended: {total}");
}

/// A process that is killed at random while it appends and delivers.
fn killed(mirrored: &Mirrored, run: &str, rng: &mut Rng) -> Run {
    mirrored.faulty.order(ORDERS[rng.usize(..ORDERS.len())]);
    let mut appender = Appender::start(mirrored, run);
    for session in SESSIONS {
        appender.append(session, 0, ENDLESS);
    }
    appender.wait_acked(rng.u64(..600));
    appender.kill()
}

/// A process that only delivers what others left, and ends well.
fn drained(mirrored: &Mirrored, run: &str) -> Run {
    mirrored.faulty.obey();
    let mut appender = Appender::start(mirrored, run);
    assert_eq!(appender.flush(), 0);
    let (run, left) = appender.close(60);
    assert_eq!(left, 0);
    run
}

/// The power goes between the backend's commit and the cursor, or the cursors are lost: the log says what is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_commit_and_cursor_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    mirrored.set_up_faulty("timeout = \"10m\"");
    mirrored.faulty.keep_journal();
    mirrored.faulty.order("append after sleep");
    let mut runs = Vec::new();
    for number in 0..amount(3, 20) {
        let run = format!("run-{number}");
        // What the dead ones left may be on its way before this process says that it runs.
        let before = mirrored.faulty.calls().len();
        let mut appender = Appender::start(&mirrored, &run);
        appender.append("one", 0, 300);
        appender.wait_appended(1);
        // It landed: the call that stored it hangs, and no cursor knows.
        wait_until(|| {
            let calls = mirrored.faulty.calls();
            let mut new = calls[before..].iter();
            new.any(|call| call.operation == "append" && call.last > call.begun && !call.answered)
        });
        runs.push(appender.kill());
        if number % 2 == 1 {
            std::fs::remove_dir_all(mirrored.state().join("cursors")).unwrap();
        }
    }
    runs.push(drained(&mirrored, "last"));
    mirrored.check("one", &runs).await;
}

/// Waits for something in a file, which wakes nobody.
fn wait_until(is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed().as_secs() < 300, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
