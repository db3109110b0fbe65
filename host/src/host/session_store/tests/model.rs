//! Whatever is done in whichever order, what is read is what was appended. As with the SDKs, a process goes on with a
//! stream only after it has read it.

use std::collections::BTreeMap;

use super::*;
use crate::config::Keep;
use crate::host::tests::fixture::builder;

/// `MIRRORBOX_SEED=n` runs one of them again.
fn seeds() -> Vec<u64> {
    match std::env::var("MIRRORBOX_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..8).map(|_| fastrand::u64(..)).collect(),
    }
}

#[test]
fn what_is_read_is_what_was_appended() {
    for seed in seeds() {
        println!("MIRRORBOX_SEED={seed}");
        Run::new(seed).go();
    }
}

struct Run {
    dice: fastrand::Rng,
    state: tempfile::TempDir,
    destination: Arc<Switched>,
    is_away: bool,
    machine: Option<Machine>,
    truth: BTreeMap<SessionKey, Vec<String>>,
    next: u32,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            dice: fastrand::Rng::with_seed(seed),
            state: tempfile::tempdir().unwrap(),
            destination: Switched::new(),
            is_away: false,
            machine: None,
            truth: BTreeMap::new(),
            next: 1,
        }
    }

    fn machine(&mut self) -> &Machine {
        let (state, destination) = (self.state.path(), self.destination.clone());
        self.machine.get_or_insert_with(|| {
            let host = builder(state, destination).keep(Keep::UntilDelivered);
            let host = host.build_blocking().unwrap();
            let store = host.session_store();
            Machine { host, store }
        })
    }

    fn key(&mut self) -> SessionKey {
        let session = ["a", "b"][self.dice.usize(..2)];
        match self.dice.usize(..3) {
            0 => sub(session, "x"),
            1 => sub(session, "x/y"),
            _ => key(session),
        }
    }

    fn go(&mut self) {
        for _ in 0..120 {
            self.step();
            self.check();
        }
        self.destination.set_away(false);
        self.is_away = false;
        self.machine().host.retry();
        self.machine().flush();
        self.check();
        self.machine.take().unwrap().close();
    }

    fn step(&mut self) {
        match self.dice.usize(..12) {
            0..6 => {
                let (key, count) = (self.key(), self.dice.u32(1..5));
                if self.machine().try_load(&key).is_err() {
                    return;
                }
                let new = lines(self.next..=self.next + count - 1);
                self.next += count;
                println!("append {} to {key}", new.len());
                self.machine().append(&key, &new);
                self.truth.entry(key).or_default().extend(new);
            }
            6 => {
                let key = self.key();
                println!("delete {key}");
                self.machine().store.delete_blocking(&key).unwrap();
                self.truth
                    .retain(|other, _| !(*other == key || key.is_main() && other.is_part_of(&key)));
            }
            7 | 8 => {
                self.is_away = !self.is_away;
                println!("away: {}", self.is_away);
                self.destination.set_away(self.is_away);
                self.machine().host.retry();
            }
            9 if !self.is_away => {
                println!("flush");
                self.machine().flush();
            }
            10 => {
                let key = self.key();
                self.machine().store.turn_ended(&key);
            }
            11 => {
                println!("another process");
                if let Some(machine) = self.machine.take() {
                    machine.close();
                }
            }
            _ => {}
        }
    }

    /// While the destination is away, an error is fine where it held what was removed here.
    fn check(&mut self) {
        let (truth, is_away) = (self.truth.clone(), self.is_away);
        let machine = self.machine();
        for session in ["a", "b"] {
            for key in [key(session), sub(session, "x"), sub(session, "x/y")] {
                match machine.try_load(&key) {
                    Ok(loaded) => assert_eq!(loaded.as_ref(), truth.get(&key), "{key}"),
                    Err(SessionStoreError::Away { .. }) if is_away => {}
                    Err(error) => panic!("{key}: {error}"),
                }
            }
            let subpaths = truth.keys().filter(|other| other.is_part_of(&key(session)));
            let subpaths: Vec<_> = subpaths.filter_map(SessionKey::subpath).collect();
            match machine.store.list_subkeys_blocking(&key(session)) {
                Ok(listed) => assert_eq!(listed, subpaths),
                Err(error) => assert!(is_away, "{error}"),
            }
        }
        let mains = truth.keys().filter(|key| key.is_main());
        let mains: Vec<_> = mains.map(|key| key.session_id().to_owned()).collect();
        match machine.store.list_sessions_blocking("project") {
            Ok(listed) => assert_eq!(listed.into_iter().map(|row| row.session).collect::<Vec<_>>(), mains),
            Err(error) => assert!(is_away, "{error}"),
        }
    }
}
