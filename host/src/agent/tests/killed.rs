//! What runs leave whose hosts are killed, and who takes it up.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::agent::recording::{Heard, record};
use crate::agent::{Leftovers, OnEvent, Tally, dead_runs};
use crate::host::Host;
use crate::key::SessionKey;
use crate::mirror::tests::fixture::stored;
use crate::spool::Spool;
use crate::store::MemoryStore;

const FOLDER: &str = "-srv";
const SESSION: &str = "s";
const MINUTE: Duration = Duration::from_secs(60);

struct Machine {
    dir: tempfile::TempDir,
    store: Arc<MemoryStore>,
    /// What its runs reported.
    told: Arc<Mutex<Vec<String>>>,
}

/// A run whose host knows no destination: what it spools waits for others.
struct Run {
    orders: mpsc::UnboundedSender<Heard>,
    done: mpsc::UnboundedReceiver<()>,
    life: JoinHandle<()>,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("projects").join(FOLDER)).unwrap();
        let (store, told) = (Arc::default(), Arc::default());
        Self { dir, store, told }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn projects(&self) -> PathBuf {
        self.dir.path().join("projects")
    }

    fn file(&self) -> PathBuf {
        self.projects().join(FOLDER).join(format!("{SESSION}.jsonl"))
    }

    /// The agent writes to its file.
    fn write(&self, text: &str) {
        let file = OpenOptions::new().create(true).append(true).open(self.file());
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn frame(&self, entries: &str) -> Heard {
        let path = self.file().display().to_string();
        let text = format!(r#"{{"type":"transcript_mirror","filePath":"{path}","entries":[{entries}]}}"#);
        Heard::Frame(text.into_bytes())
    }

    /// Without frames where it knows no session.
    async fn run(&self, session: Option<&str>) -> Run {
        let (state, projects) = (self.state(), self.projects());
        let session = session.map(str::to_owned);
        let host = Host::builder(&state).build().await.unwrap();
        let (orders, heard) = mpsc::unbounded_channel();
        let (is_done, mut done) = mpsc::unbounded_channel();
        let told = self.told.clone();
        let on_event: OnEvent = Arc::new(move |event| told.lock().unwrap().push(event.to_string()));
        let life = tokio::spawn(async move {
            let at = (&*state, &*projects, FOLDER);
            let is_done = || is_done.send(()).unwrap();
            let recorded = record(&host, at, session.as_deref(), on_event, heard, is_done).await;
            recorded.unwrap();
            drop(host.close(Duration::ZERO).await.unwrap());
        });
        done.recv().await.unwrap();
        Run { orders, done, life }
    }

    /// Takes up what so many runs left.
    async fn pick_up(&self, runs: usize) -> Tally {
        // A process that another test starts holds every lock until it has begun its program.
        while dead_runs(&self.state()).unwrap().len() < runs {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let left = Leftovers::look(&self.state()).unwrap();
        let host = self.host().await;
        let silent: OnEvent = Arc::new(|_| ());
        let tally = left.pick_up(&host, Duration::ZERO, &silent).await;
        assert!(host.close(MINUTE).await.unwrap().is_empty());
        tally
    }

    async fn host(&self) -> Host {
        let host = Host::builder(&self.state()).store("a", self.store.clone());
        host.build().await.unwrap()
    }

    async fn stored(&self) -> Vec<String> {
        stored(&self.store, &SessionKey::main(FOLDER, SESSION).unwrap()).await
    }
}

impl Run {
    async fn hears(&mut self, heard: Heard) {
        self.orders.send(heard).unwrap();
        self.done.recv().await.unwrap();
    }

    async fn ends(mut self) {
        self.hears(Heard::End).await;
        self.life.await.unwrap();
    }

    async fn dies(self, state: &Path) {
        self.life.abort();
        assert!(self.life.await.unwrap_err().is_cancelled());
        // What holds its spool goes with a process, and in a test a moment later.
        while Spool::look(state).unwrap().iter().any(|spool| spool.is_alive) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn rows(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|number| format!("{{\"n\":{number}}}"))
        .collect()
}

fn text(numbers: impl IntoIterator<Item = u32>) -> String {
    rows(numbers).iter().map(|row| format!("{row}\n")).collect()
}

#[tokio::test]
async fn a_line_that_was_torn_when_a_run_began_is_taken_whole() {
    let machine = Machine::new();
    machine.write("{\"n\":1}\n{\"n\"");
    let mut run = machine.run(None).await;
    machine.write(":2}\n{\"n\":3}\n");
    run.hears(Heard::Look).await;
    run.ends().await;
    assert!(machine.host().await.close(MINUTE).await.unwrap().is_empty());
    assert_eq!(machine.stored().await, rows(1..=3), "with what came before it");
}

/// Nobody had mirrored the session before: its history comes with the run, and before it.
#[tokio::test]
async fn a_run_brings_what_its_session_held_before() {
    for session in [None, Some(SESSION)] {
        let machine = Machine::new();
        machine.write(&text([1, 2]));
        let mut run = machine.run(session).await;
        machine.write(&text([3]));
        match session {
            None => run.hears(Heard::Look).await,
            Some(_) => run.hears(machine.frame(&rows([3])[0])).await,
        }
        run.ends().await;
        assert!(machine.host().await.close(MINUTE).await.unwrap().is_empty());
        assert_eq!(machine.stored().await, rows(1..=3), "{session:?}");
        // It is there: the next run brings its own rows only.
        let mut run = machine.run(session).await;
        machine.write(&text([4]));
        run.hears(Heard::Look).await;
        run.ends().await;
        assert!(machine.host().await.close(MINUTE).await.unwrap().is_empty());
        assert_eq!(machine.stored().await, rows(1..=4), "{session:?}");
    }
}

/// What stood before them is gone: the run's rows come all the same, and it is said.
#[tokio::test]
async fn a_history_that_cannot_be_read_is_told() {
    let machine = Machine::new();
    machine.write(&text([1, 2]));
    let mut run = machine.run(Some(SESSION)).await;
    fs::remove_file(machine.file()).unwrap();
    run.hears(machine.frame(&rows([3, 4]).join(","))).await;
    run.ends().await;
    assert!(machine.host().await.close(MINUTE).await.unwrap().is_empty());
    assert_eq!(machine.stored().await, rows(3..=4));
    let told = machine.told.lock().unwrap();
    let lacks = told
        .iter()
        .filter(|event| event.contains("what it held before this run is not taken"));
    assert_eq!(lacks.count(), 1, "{told:?}");
}

#[tokio::test]
async fn runs_of_one_session_that_were_killed_leave_each_row_once() {
    let machine = Machine::new();
    for numbers in [[1, 2], [3, 4]] {
        let mut run = machine.run(Some(SESSION)).await;
        machine.write(&text(numbers));
        // The other row is in the file only.
        run.hears(machine.frame(&rows([numbers[0]])[0])).await;
        run.dies(&machine.state()).await;
    }
    // And one that nobody ran.
    machine.write(&text([5]));
    assert_eq!(machine.pick_up(2).await.left, 0);
    assert_eq!(machine.stored().await, rows(1..=5));
    assert_eq!(dead_runs(&machine.state()).unwrap(), []);
}

#[tokio::test]
async fn a_file_that_was_written_anew_is_taken_as_it_is() {
    let machine = Machine::new();
    machine.write(&text(10..20));
    let mut run = machine.run(Some(SESSION)).await;
    machine.write(&text([1, 2]));
    run.hears(machine.frame(&rows([1])[0])).await;
    run.dies(&machine.state()).await;
    fs::write(machine.file(), text([1, 2, 3])).unwrap();
    let tally = machine.pick_up(1).await;
    // Row 1 is spooled as the run's.
    assert_eq!((tally.left, tally.caught_up), (0, 3));
    assert_eq!(machine.stored().await, rows((10..20).chain(1..=3)));
}

#[tokio::test]
async fn rows_are_told_apart_where_the_runs_spool_is_gone() {
    let machine = Machine::new();
    let mut run = machine.run(Some(SESSION)).await;
    machine.write(&text([1, 2]));
    run.hears(machine.frame(&rows([1])[0])).await;
    run.dies(&machine.state()).await;
    // The row is delivered, and what tells so is removed.
    assert!(machine.host().await.close(MINUTE).await.unwrap().is_empty());
    fs::remove_dir_all(machine.state().join("spool")).unwrap();
    assert_eq!(machine.pick_up(1).await.left, 0);
    assert_eq!(machine.stored().await, rows(1..=2));
    assert_eq!(dead_runs(&machine.state()).unwrap(), []);
}

/// A file holds what was deleted, and nothing tells which of it that was.
#[tokio::test]
async fn what_was_deleted_does_not_come_back_where_the_runs_spool_is_gone() {
    let machine = Machine::new();
    let mut run = machine.run(Some(SESSION)).await;
    machine.write(&text([1, 2]));
    run.hears(machine.frame(&rows([1])[0])).await;
    run.dies(&machine.state()).await;
    let host = machine.host().await;
    assert!(host.flush(MINUTE).await.unwrap().is_empty());
    host.delete(&SessionKey::main(FOLDER, SESSION).unwrap()).await.unwrap();
    assert!(host.close(MINUTE).await.unwrap().is_empty());
    fs::remove_dir_all(machine.state().join("spool")).unwrap();
    assert_eq!(machine.pick_up(1).await.left, 0);
    assert_eq!(machine.stored().await, [] as [String; 0]);
}

/// Nothing has named the session: there are no frames, and nobody has looked at the files.
#[tokio::test]
async fn a_run_that_is_killed_before_its_first_look_loses_nothing() {
    let machine = Machine::new();
    machine.write(&text([1]));
    let run = machine.run(None).await;
    run.dies(&machine.state()).await;
    // The agent lives longer.
    machine.write(&text([2, 3]));
    assert_eq!(machine.pick_up(1).await.left, 0);
    assert_eq!(machine.stored().await, rows(1..=3));
}

/// Of an agent without frames, whatever grew in its folder is the run's: also where one session was met already.
#[tokio::test]
async fn a_session_that_began_after_the_last_look_is_taken() {
    let machine = Machine::new();
    let mut run = machine.run(None).await;
    let other = machine.projects().join(FOLDER).join("other.jsonl");
    fs::write(other, text([7])).unwrap();
    run.hears(Heard::Look).await;
    machine.write(&text([1]));
    run.dies(&machine.state()).await;
    assert_eq!(machine.pick_up(1).await.left, 0);
    assert_eq!(machine.stored().await, rows([1]));
}

/// All that stands behind what the file held when the run began is spooled, and still it is not what was spooled: a row
/// that was not went to another place.
#[tokio::test]
async fn rows_that_went_from_their_place_are_looked_for() {
    let machine = Machine::new();
    machine.write(&text([1]));
    let mut run = machine.run(Some(SESSION)).await;
    machine.write(&text([2, 3, 4]));
    run.hears(machine.frame(&rows([2, 3]).join(","))).await;
    run.dies(&machine.state()).await;
    fs::write(machine.file(), text([4, 2])).unwrap();
    assert_eq!(machine.pick_up(1).await.left, 0);
    assert_eq!(machine.stored().await, rows(1..=4));
}

/// Rows that another run is about to spool are not spooled for it.
#[tokio::test]
async fn what_a_living_run_writes_is_left_to_it() {
    let machine = Machine::new();
    let mut killed = machine.run(Some(SESSION)).await;
    machine.write(&text([1]));
    killed.hears(machine.frame(&rows([1])[0])).await;
    machine.write(&text([2]));
    killed.dies(&machine.state()).await;
    let mut run = machine.run(Some(SESSION)).await;
    machine.write(&text([3]));
    assert_eq!(machine.pick_up(1).await.left, 1);
    run.hears(machine.frame(&rows([3])[0])).await;
    run.ends().await;
    assert_eq!(machine.pick_up(1).await.left, 0);
    assert_eq!(machine.stored().await, rows(1..=3));
}

/// As after a run that was whole: nothing is spooled twice, be it only to be compared.
#[tokio::test]
async fn what_is_spooled_already_is_not_spooled_again() {
    let machine = Machine::new();
    let mut run = machine.run(Some(SESSION)).await;
    machine.write(&text([1, 2]));
    run.hears(machine.frame(&rows([1, 2]).join(","))).await;
    run.dies(&machine.state()).await;
    let tally = machine.pick_up(1).await;
    assert_eq!((tally.left, tally.entries), (0, 0));
    assert_eq!(machine.stored().await, rows(1..=2));
}
