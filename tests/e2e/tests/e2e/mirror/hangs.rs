//! A destination that answers nothing: deadlines end its calls, no stream waits twice, and nobody else notices.

use std::collections::BTreeMap;

use mirrorbox_e2e::{Appender, Call, Mirrored, amount};

const SESSIONS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_hangs_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = Mirrored::at(dir.path());
    mirrored.set_up_faulty("instances = 4\ntimeout = \"1s\"");
    mirrored.faulty.keep_journal();
    mirrored.faulty.order("any before sleep");
    let mut appender = Appender::start(&mirrored, "run");
    let count = amount(500, 10_000);
    for session in SESSIONS {
        appender.append(session, 0, count);
    }
    appender.wait_appended(SESSIONS.len());
    // The other one gets all of it while this one gets nothing.
    let total = count * SESSIONS.len() as u64;
    appender.wait_status("fs", |status| status["counts"]["entries"] == total);
    let status = appender.wait_status("faulty", |status| {
        status["counts"]["events"]["failed"].as_u64() >= Some(1)
    });
    assert_eq!(status["counts"]["entries"], 0, "{status:#}");
    assert!(status.to_string().contains("no answer within 1s"), "{status:#}");
    let calls = mirrored.faulty.calls();
    assert!(calls.len() >= 3 && calls.iter().all(|call| !call.answered), "{calls:?}");
    one_at_a_time(&calls);
    assert!(most_at_once(&calls) <= 4, "{calls:?}");

    mirrored.faulty.obey();
    assert_eq!(appender.flush(), 0);
    let (run, left) = appender.close(60);
    assert_eq!((run.total(), left), (total, 0));
    for session in SESSIONS {
        mirrored.check(session, std::slice::from_ref(&run)).await;
    }
}

/// Of each stream, a call begins when the one before is over.
fn one_at_a_time(calls: &[Call]) {
    let mut last: BTreeMap<&str, &Call> = BTreeMap::new();
    for call in calls {
        if let Some(before) = last.insert(&call.session, call) {
            assert!(before.last <= call.begun, "two at once: {before:?} and {call:?}");
        }
    }
}

fn most_at_once(calls: &[Call]) -> usize {
    let alive_at = |moment| {
        calls
            .iter()
            .filter(|call| call.begun <= moment && moment < call.last)
            .count()
    };
    calls.iter().map(|call| alive_at(call.begun)).max().unwrap_or(0)
}
