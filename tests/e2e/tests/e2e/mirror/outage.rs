//! A destination that is away: nobody waits for it, nobody's memory grows, and it gets everything in the end.

use mirrorbox_e2e::{Appender, Mirrored, amount};

/// Above an idle process, plus three times the largest entry, which is small here.
const ALLOWED: u64 = 64 << 20;

const SESSIONS: [&str; 4] = ["one", "two", "three", "four"];

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_away_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    // Compiling the components takes more memory than anything after it.
    assert_eq!(Appender::start(&mirrored, "warm").close(60).1, 0);
    mirrored.faulty.order("any before unavailable");
    let mut appender = Appender::start(&mirrored, "run");
    appender.wait_status("faulty", |status| status["open"] == true);
    let idle = appender.memory().resident;
    let count = amount(20_000, 200_000) / SESSIONS.len() as u64;
    for session in SESSIONS {
        appender.append(session, 0, count);
    }
    // No append fails, and none waits: it is away all the while.
    appender.wait_appended(SESSIONS.len());
    let total = count * SESSIONS.len() as u64;
    appender.wait_status("fs", |status| status["counts"]["entries"] == total);
    let faulty = appender.wait_status("faulty", |status| {
        status["counts"]["events"]["failed"].as_u64() >= Some(1)
    });
    assert_eq!(faulty["counts"]["entries"], 0, "{faulty:#}");

    mirrored.faulty.obey();
    assert_eq!(appender.flush(), 0);
    let faulty = appender.status("faulty");
    assert!(
        faulty["counts"]["events"]["recovered"].as_u64() >= Some(1),
        "{faulty:#}"
    );
    let peak = appender.memory().peak;
    println!("idle {} MiB, peak {} MiB", idle >> 20, peak >> 20);
    assert!(peak <= idle + ALLOWED, "{peak} bytes, {idle} when idle");
    let (run, left) = appender.close(60);
    assert_eq!((run.total(), left), (total, 0));
    for session in SESSIONS {
        mirrored.check(session, std::slice::from_ref(&run)).await;
    }
}
