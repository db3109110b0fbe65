//! Whole commands that overlap as chance has it: `watch`, `run`, `import` and `drain` begin, end and are killed, agents
//! outlive their runs, and one of two destinations comes and goes. In the end both hold each file, line by line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use mirrorbox_e2e::{amount, seed};

use crate::unsteady::Unsteady;
use crate::watcher::{Machine, PATIENCE, Watcher, stored, wait_for};

/// Rows of which some say the same, the last one in two parts. While it lives, its file in the folder of agents does.
const AGENT: &str = r#"n=0; while [ $n -lt 25 ]; do echo "{\"of\":\"$ID\",\"n\":$n}" >> "$F"; n=$((n+1))
    [ $((n % 5)) = 0 ] && echo '{"type":"mode"}' >> "$F"; sleep 0.0$((RANDOM_PAUSE)); done
    printf '{"n":' >> "$F"; sleep 0.1; echo "\"$ID\"}" >> "$F"; rm "$ALIVE""#;

/// The folder that each agent writes to.
const PROJECT: &str = "-srv-app";

/// How long commands overlap.
const ROUND: Duration = Duration::from_secs(12);

struct Overlap {
    machine: Machine,
    unsteady: Unsteady,
    dir: PathBuf,
    sessions: Mutex<BTreeSet<String>>,
    is_over: AtomicBool,
}

impl Overlap {
    fn at(dir: &Path) -> Self {
        let machine = Machine::at(dir);
        let unsteady = Unsteady::add_to(&machine.installed, dir);
        for folder in ["here", "agents"] {
            fs::create_dir(dir.join(folder)).unwrap();
        }
        Self {
            machine,
            unsteady,
            dir: dir.to_owned(),
            sessions: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn watches(&self, rng: &mut Rng) {
        while self.goes_on() {
            let watcher = Watcher::start(self.machine.command(&[]), &self.dir.join("log"));
            pause(rng, 200..4000);
            match rng.u8(..3) {
                0 => drop(watcher.stop()),
                _ => watcher.kill(),
            }
            pause(rng, 0..1500);
        }
    }

    /// Runs one agent after the other: of a session of its own, or of one that it began before.
    fn runs(&self, name: &str, rng: &mut Rng) {
        let mut count = 0;
        let mut session = String::new();
        while self.goes_on() {
            if count == 0 || rng.bool() {
                session = format!("{name}-{count}");
                self.sessions.lock().unwrap().insert(session.clone());
            }
            let mut run = self.run(&session, &format!("{name}.{count}"), rng);
            pause(rng, 0..2500);
            if rng.u8(..4) > 0 {
                // It may have ended.
                let _ = run.kill();
            }
            run.wait().unwrap();
            if rng.bool() {
                wait_for("the agent's end", || !self.lives(&format!("{name}.{count}")));
            }
            count += 1;
        }
    }

    fn run(&self, session: &str, id: &str, rng: &mut Rng) -> Child {
        let alive = self.dir.join("agents").join(id);
        let script = format!("touch \"$ALIVE\"; {AGENT}").replace("RANDOM_PAUSE", &rng.u8(1..5).to_string());
        let mut command = self
            .machine
            .installed
            .command(["run", "--deliver", "1s", "--", "sh", "-c", &script]);
        command
            .current_dir(self.dir.join("here"))
            .env("F", self.machine.file(&format!("{PROJECT}/{session}.jsonl")))
            .env("ID", id)
            .env("ALIVE", alive)
            .env("CLAUDE_CONFIG_DIR", &self.dir)
            .env("CLAUDE_CODE_PROJECT_DIR_NAME", PROJECT)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn lives(&self, agent: &str) -> bool {
        self.dir.join("agents").join(agent).exists()
    }

    fn tidies(&self, rng: &mut Rng) {
        while self.goes_on() {
            let mut command = match rng.u8(..3) {
                0 => {
                    let mut import = self.machine.installed.command(["import", "--projects-dir"]);
                    import.arg(&self.machine.projects);
                    import
                }
                _ => self.machine.installed.command(["drain", "--deadline", "2s"]),
            };
            let mut child = quiet(&mut command).spawn().unwrap();
            if rng.bool() {
                pause(rng, 0..1500);
                // It may have ended.
                let _ = child.kill();
            }
            child.wait().unwrap();
            pause(rng, 0..1500);
        }
    }

    fn overlap(&self, rng: &mut Rng) {
        thread::scope(|scope| {
            let mut rngs: Vec<_> = (0..5).map(|_| rng.fork()).collect();
            let mut next = || rngs.pop().unwrap();
            let (mut a, mut b, mut c, mut d, mut e) = (next(), next(), next(), next(), next());
            scope.spawn(move || self.watches(&mut a));
            scope.spawn(move || self.runs("a", &mut b));
            scope.spawn(move || self.runs("b", &mut c));
            scope.spawn(move || self.tidies(&mut d));
            scope.spawn(move || self.unsteady.come_and_go(&mut e, &self.is_over));
            thread::sleep(ROUND);
            self.is_over.store(true, Ordering::Relaxed);
        });
        self.unsteady.come_back();
    }

    /// What differs from the files; nothing, once everything is everywhere.
    fn differs(&self) -> Vec<String> {
        let mut differs = Vec::new();
        for session in self.sessions.lock().unwrap().iter() {
            let stream = format!("{PROJECT}/{session}");
            let text = fs::read_to_string(self.machine.file(&format!("{stream}.jsonl"))).unwrap_or_default();
            let places = [
                ("fs", self.machine.installed.store.clone()),
                ("unsteady", self.unsteady.store()),
            ];
            for (name, folder) in places {
                let there = stored(&folder, &stream);
                if there != text {
                    differs.push(format!("{session} in {name}: {}", difference(&there, &text)));
                }
            }
        }
        differs
    }

    fn settles(&self) {
        wait_for("every agent's end", || {
            fs::read_dir(self.dir.join("agents")).unwrap().next().is_none()
        });
        let watcher = self.machine.watch(&[]);
        let until = Instant::now() + PATIENCE;
        while !self.differs().is_empty() && Instant::now() < until && !self.is_lost() {
            thread::sleep(Duration::from_millis(50));
        }
        let differs = self.differs();
        let status = self.machine.installed.run(["status"]).stdout;
        assert!(differs.is_empty(), "{differs:#?}\n{status}");
        // Everything is there. Where it could not find that out any more, it says that it waits; `drain` finds it out.
        match watcher.stop() {
            Some(3) => assert_eq!(self.machine.installed.run(["drain"]).code, Some(0)),
            ended => assert_eq!(ended, Some(0)),
        }
        assert_eq!(self.differs(), Vec::<String>::new(), "at the end");
    }

    /// Whether something is there that will not go away: nothing need be waited for.
    fn is_lost(&self) -> bool {
        self.differs().iter().any(|difference| !difference.ends_with("so far"))
    }
}

fn difference(there: &str, text: &str) -> String {
    if text.starts_with(there) {
        return format!("{} of {} lines so far", there.lines().count(), text.lines().count());
    }
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (lines, of_file) = (sorted(there), sorted(text));
    let how = match lines == of_file {
        true => "another order",
        false if lines.len() > of_file.len() => "too many lines",
        false => "a gap",
    };
    let count = |lines: &[String]| lines.len();
    format!(
        "{how}: {} lines stored, {} in the file\n{there}",
        count(&lines),
        count(&of_file)
    )
}

fn pause(rng: &mut Rng, millis: std::ops::Range<u64>) {
    thread::sleep(Duration::from_millis(rng.u64(millis)));
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

#[test]
fn whatever_overlaps_every_line_is_there_once_and_in_order() {
    let mut rng = Rng::with_seed(seed());
    for round in 0..amount(1, 40) {
        println!("round {round}: MIRRORBOX_SEED={}", rng.get_seed());
        let dir = tempfile::tempdir().unwrap();
        let overlap = Overlap::at(dir.path());
        overlap.overlap(&mut rng);
        overlap.settles();
    }
}
