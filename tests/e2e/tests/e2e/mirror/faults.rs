//! Whatever goes wrong at one destination, the other one has everything meanwhile, and this one in the end.

use std::path::Path;
use std::time::Duration;

use mirrorbox::config::Config;
use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox_e2e::{Mirrored, PROJECT, Run, amount, calls, entry};

const PATIENCE: Duration = Duration::from_secs(300);

const SESSIONS: [&str; 3] = ["one", "two", "three"];

/// A host in this process, and what it appended so far.
struct Lived {
    host: Host,
    run: Run,
}

impl Lived {
    fn start(mirrored: &Mirrored) -> Self {
        let config = Config::load(&mirrored.config(), &mirrored.state()).unwrap();
        let host = Host::builder(&mirrored.state())
            .config(&config)
            .build_blocking()
            .unwrap();
        let run = Run {
            name: "run".into(),
            writer: host.writer().to_owned(),
            acked: SESSIONS.map(|session| (session.to_owned(), 0)).into(),
        };
        Self { host, run }
    }

    fn append(&mut self, count: u64) {
        for (session, acked) in &mut self.run.acked {
            let transcript = self.host.transcript(SessionKey::main(PROJECT, session).unwrap());
            for call in calls(*acked, count) {
                let entries: Vec<_> = call.map(|index| entry(&self.run.name, session, index)).collect();
                transcript.append_blocking(&entries).unwrap();
            }
            *acked += count;
        }
    }

    /// Waits until a destination has everything.
    async fn delivered(&self, destination: &str) {
        let mut events = self.host.events();
        let has_all = || {
            let status = self.host.status();
            let of = status.iter().find(|status| status.destination == destination).unwrap();
            let streams = &of.streams;
            streams.len() == SESSIONS.len() && streams.iter().all(|stream| stream.entries == 0)
        };
        let waiting = async {
            while !has_all() {
                // Not everything that moves a stream is an event.
                let _ = tokio::time::timeout(Duration::from_millis(20), events.next()).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "{destination}: {:#?}", self.host.status());
    }

    /// Waits until a fault has done its harm: the faulty destination failed so often.
    async fn harmed(&self, mirrored: &Mirrored, times: usize) {
        let harming = async {
            while mirrored.faulty.taken() < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, harming).await;
        assert!(waited.is_ok(), "{:#?}", self.host.status());
    }

    async fn end(self, mirrored: &Mirrored) {
        mirrored.faulty.obey();
        self.host.retry();
        let left = self.host.flush(PATIENCE).await.unwrap();
        assert!(left.is_empty(), "{left}: {:#?}", self.host.status());
        let left = self.host.close(PATIENCE).await.unwrap();
        assert!(left.is_empty(), "{left}");
        for session in SESSIONS {
            mirrored.check(session, std::slice::from_ref(&self.run)).await;
        }
    }
}

fn mirrored(dir: &Path) -> Mirrored {
    let mirrored = Mirrored::at(dir);
    // One instance: what it put aside lands in order.
    mirrored.set_up_faulty("instances = 1\ntimeout = \"2s\"\nmemory = \"64MiB\"");
    mirrored
}

/// The orders are carried out so many times while lines come in, then all is well.
async fn survives(orders: &str, times: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = mirrored(dir.path());
    let mut lived = Lived::start(&mirrored);
    lived.append(20);
    lived.delivered("faulty").await;
    mirrored.faulty.order(orders);
    // What comes while a batch fails goes into its next, larger cut.
    for _ in 0..amount(6, 60) {
        lived.append(25);
    }
    lived.delivered("fs").await;
    lived.harmed(&mirrored, times).await;
    lived.append(25);
    lived.delivered("fs").await;
    lived.end(&mirrored).await;
}

macro_rules! survives {
    ($($name:ident: $orders:literal, $times:literal;)*) => {
        mod survives {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::survives($orders, $times).await;
            })*
        }
    };
}

survives! {
    errors_before_anything_is_done: "append before unavailable 2\nend before other 1\nappend before throttled 1", 4;
    answers_that_are_lost_after_the_commit: "append after unavailable 3\nappend after other 1", 4;
    answers_that_are_lost_by_a_trap: "append after trap 3", 3;
    answers_that_never_come_after_the_commit: "append after sleep 2", 2;
    batches_that_land_after_their_retry_began: "append later unavailable 3", 3;
    calls_that_spin: "append before spin 1\nend before spin 1", 2;
    calls_that_take_all_memory: "append before bomb 2", 2;
    calls_that_trap: "append before trap 2\nend before trap 1\nload before trap 1", 3;
    ends_that_reach_too_far: "append before unavailable 1\nend after ahead 1", 2;
    ends_that_are_lost: "append before unavailable 1\nend after empty 1", 2;
    ends_without_a_digest: "append before unavailable 1\nend after bad-digest 1", 2;
    histories_out_of_order: "append after unavailable 1\nload after disorder 1", 1;
    histories_that_are_empty: "append after unavailable 1\nload after empty 1", 1;
}

/// A failure that no retry mends parks the stream until a person mends its cause; then delivery goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_goes_on_when_somebody_helped() {
    for fault in ["denied", "misconfigured", "rejected", "corrupt", "unsupported"] {
        let dir = tempfile::tempdir().unwrap();
        let mirrored = mirrored(dir.path());
        mirrored.faulty.order(&format!("append before {fault}"));
        let mut lived = Lived::start(&mirrored);
        lived.append(30);
        lived.delivered("fs").await;
        let parked = async {
            let is_parked = |host: &Host| {
                let status = host.status();
                let faulty = status.iter().find(|status| status.destination == "faulty").unwrap();
                faulty.streams.iter().filter(|stream| stream.state == "parked").count() == SESSIONS.len()
            };
            while !is_parked(&lived.host) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, parked).await;
        assert!(waited.is_ok(), "{fault}: {:#?}", lived.host.status());
        lived.end(&mirrored).await;
    }
}

/// A backend that asks to be left alone for 250 ms is.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_is_asked_for_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mirrored = mirrored(dir.path());
    mirrored.faulty.keep_journal();
    mirrored.faulty.order("append before throttled 4");
    let mut lived = Lived::start(&mirrored);
    lived.append(50);
    lived.harmed(&mirrored, 4).await;
    lived.delivered("faulty").await;
    let calls = mirrored.faulty.calls();
    let mut throttled = 0;
    for (index, call) in calls.iter().enumerate().filter(|(_, call)| call.operation == "append") {
        if throttled == 4 {
            break;
        }
        throttled += 1;
        if let Some(next) = calls.get(index + 1) {
            // It began when the answer was not given yet; so at least this long.
            assert!(next.begun - call.begun >= 250_000_000, "{call:?}, then {next:?}");
        }
    }
    assert_eq!(throttled, 4);
    lived.end(&mirrored).await;
}
