//! Many transcripts, and many destinations. In their long forms 100,000 of the one, and ten of the other.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mirrorbox_e2e::{Installation, adapter, amount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Per transcript, and more than that for the start: far more than it takes, for a machine that has better things to
/// do.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a program of any size has open, and what is kept open for streams.
const MOST_FILES: usize = 200;

/// What the memory may grow by, whatever the number of transcripts, and for each of them.
const MEMORY: u64 = 64 << 20;
const MEMORY_EACH: u64 = 1 << 10;
/// And for each transcript at each of several destinations.
const MEMORY_EACH_WAY: u64 = 8 << 10;

/// What part of a core many may take beside what a few do while nothing happens.
const QUIET: f64 = 0.02;

/// So few transcripts cost nothing.
const FEW: u64 = 10;

/// Once more than the rest of the program needs to look at everything: how often its time fits into a start.
const WALKS: u32 = 20;

/// How often a line is appended to see how long that takes.
const TURNS: usize = 9;

/// An installation, the agent's files, and who follows them.
struct Followed {
    installation: Installation,
    projects: PathBuf,
    child: Option<Child>,
}

impl Followed {
    fn at(dir: &Path, transcripts: u64) -> Self {
        fs::create_dir_all(dir).unwrap();
        let projects = dir.join("projects");
        write_transcripts(&projects, 0, transcripts);
        Self {
            installation: Installation::at(dir),
            projects,
            child: None,
        }
    }

    /// What is appended is delivered at once, from the next start on.
    fn deliver_at_once(&self) {
        let manifest = self.installation.config.join("adapters/fs.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(manifest, text + "flush = \"eager\"\n").unwrap();
    }

    fn start(&mut self, files: u64) {
        let projects = self.projects.to_str().unwrap();
        let command = self.installation.command(["watch", "--projects-dir", projects]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {files} && exec \"$@\""), "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        let log = self.projects.with_extension("log");
        let log = OpenOptions::new().append(true).create(true).open(log).unwrap();
        self.child = Some(shell.stderr(log).spawn().unwrap());
    }

    /// Starts it; how long it took until it had looked at everything.
    fn start_and_wait(&mut self, files: u64) -> Duration {
        let begun = Instant::now();
        self.start(files);
        self.wait("that it is ready", FEW, |followed| {
            // Each question costs the process some of the time that is measured.
            sleep(Duration::from_millis(50));
            followed.is_ready()
        });
        begun.elapsed()
    }

    fn is_ready(&self) -> bool {
        let Ok(mut socket) = UnixStream::connect(self.installation.state.join("watch/status.sock")) else {
            return false;
        };
        let mut text = String::new();
        // It may have ended: the wait finds out.
        let _ = socket.read_to_string(&mut text);
        let status: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        status["files"]["ready"] == true && status["pid"] == self.pid()
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits for another process's work: there is no event to wait for.
    fn wait(&mut self, what: &str, transcripts: u64, is_so: impl Fn(&Self) -> bool) {
        let give_up = Instant::now() + Duration::from_secs(120) + PATIENCE * u32::try_from(transcripts).unwrap();
        while !is_so(self) {
            assert_eq!(self.child.as_mut().unwrap().try_wait().unwrap(), None, "it ended");
            assert!(Instant::now() < give_up, "in vain: {what}");
            sleep(Duration::from_millis(5));
        }
    }

    /// Appends a line to a transcript; how long it takes until the destination has it.
    fn append(&mut self, number: u64, turn: usize) -> Duration {
        let place = place(number);
        let row = format!("{{\"type\":\"user\",\"turn\":{turn}}}\n");
        let mut file = OpenOptions::new()
            .append(true)
            .open(self.projects.join(&place).with_extension("jsonl"))
            .unwrap();
        let begun = Instant::now();
        file.write_all(row.as_bytes()).unwrap();
        let folder = self.installation.store.join(place);
        // What was there before is one.
        self.wait("a line", FEW, |_| batches(&folder) > turn + 1);
        begun.elapsed()
    }

    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib << 10
    }

    /// The processor's time that it took so far.
    fn processor(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // Behind the name, which may hold anything: user and system time are the 12th and 13th, in hundredths.
        let (_, behind) = stat.rsplit_once(')').unwrap();
        let times = behind.split_whitespace().skip(11).take(2);
        Duration::from_millis(10 * times.map(|time| time.parse::<u64>().unwrap()).sum::<u64>())
    }

    fn end(&mut self) {
        let mut child = self.child.take().unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where a transcript lies in its directory, without an ending, and in a store.
fn place(number: u64) -> PathBuf {
    let session = format!("7b1f6c0e-2d5a-4c3e-9f10-{number:012}");
    Path::new(&format!("-srv-app-{}", number % 500)).join(session)
}

fn write_transcripts(projects: &Path, from: u64, to: u64) {
    for number in from..to {
        let path = projects.join(place(number)).with_extension("jsonl");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let row = |n| format!("{{\"type\":\"user\",\"uuid\":\"{number}-{n}\"}}\n");
        fs::write(path, row(1) + &row(2)).unwrap();
    }
}

/// How many batches a transcript's folder in a store holds.
fn batches(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".jsonl")).count()
}

/// How many transcripts have something in a store. A folder is there a moment before its batch.
fn stored(store: &Path) -> u64 {
    let projects = fs::read_dir(store).into_iter().flatten();
    let sessions = projects.map(|project| fs::read_dir(project.unwrap().path()).map_or(0, Iterator::count));
    sessions.sum::<usize>() as u64
}

/// How long it takes to list a tree with all that is known of its files.
fn walk(dir: &Path) -> Duration {
    let begun = Instant::now();
    let listed = Command::new("find").arg(dir).args(["-printf", "%s %T@ %p\n"]).output();
    assert!(listed.unwrap().status.success());
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn transcripts_may_be_more_than_open_files() {
    let (count, files) = (amount(600, 100_000), amount(256, 1024));
    let dir = tempfile::tempdir().unwrap();
    let mut few = Followed::at(&dir.path().join("few"), FEW);
    few.deliver_at_once();
    few.start_and_wait(files);
    few.wait("few", FEW, |few| stored(&few.installation.store) == FEW);
    let idle = few.memory();

    let mut many = Followed::at(&dir.path().join("many"), count);
    let begun = Instant::now();
    many.start(files);
    is_served_before_all_others(&mut many, count);
    let count = count + 1;
    many.wait("all", count, |many| {
        sleep(Duration::from_millis(200));
        stored(&many.installation.store) == count
    });
    let (took, open, memory) = (begun.elapsed(), many.open_files(), many.memory());
    let grown = memory.saturating_sub(idle);
    println!("{count}: {took:?}, {open} files open, {idle} bytes of memory with {FEW}, {grown} more");
    assert!(open <= MOST_FILES, "{open} files are open");
    many.end();
    starts_without_asking(&mut many, count, files);
    appends_in_the_same_time(&mut few, &mut many, count);
    costs_little_while_nothing_happens(&few, &many, count);
    few.end();
    many.end();
    // At the end: what else was measured is known then.
    let most = MEMORY + count * MEMORY_EACH;
    assert!(grown <= most, "{grown} bytes more, of {most}");
}

/// A transcript that begins while all the others are met for the first time is on local disk long before the last of
/// them.
fn is_served_before_all_others(many: &mut Followed, count: u64) {
    let spooled = |many: &Followed| {
        let writers = fs::read_dir(many.installation.state.join("spool"))
            .into_iter()
            .flatten();
        let streams = writers.map(|writer| fs::read_dir(writer.unwrap().path().join("streams")));
        streams.map(|streams| streams.map_or(0, Iterator::count)).sum::<usize>() as u64
    };
    many.wait("the first ones", FEW, |many| spooled(many) > FEW);
    write_transcripts(&many.projects, count, count + 1);
    let begun = Instant::now();
    let late = Path::new("projects").join(place(count)).with_extension("jsonl");
    many.wait("the late one", FEW, |many| {
        let mut writers = fs::read_dir(many.installation.state.join("spool")).unwrap();
        writers.any(|writer| fs::metadata(writer.unwrap().path().join(&late)).is_ok_and(|file| file.len() > 0))
    });
    let (took, before) = (begun.elapsed(), spooled(many));
    println!("a transcript that came late was on local disk after {took:?}, with {before} of {count} others");
    assert!(before < count, "all the others came first");
}

/// A second start looks at the files, and asks no destination: what was there is out of the way meanwhile, and nobody
/// finds out.
fn starts_without_asking(many: &mut Followed, count: u64, files: u64) {
    many.deliver_at_once();
    let (store, aside) = (many.installation.store.clone(), many.projects.with_file_name("aside"));
    let folders: Vec<_> = fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    fs::create_dir(&aside).unwrap();
    let projects = folders.iter().filter(|name| name.to_string_lossy().starts_with("-srv"));
    let projects: Vec<_> = projects.map(|name| (store.join(name), aside.join(name))).collect();
    projects
        .iter()
        .for_each(|(here, there)| fs::rename(here, there).unwrap());
    let walked = walk(&many.projects);
    let started = many.start_and_wait(files);
    // It has looked at everything: what it wants to know of a destination it asks now.
    sleep(Duration::from_secs(2));
    let asked_for = projects.iter().filter(|(here, _)| here.exists()).count();
    assert_eq!(asked_for, 0, "something was stored again");
    let log = fs::read_to_string(many.projects.with_extension("log")).unwrap();
    let warning = log.lines().find(|line| line.contains("WARN"));
    assert_eq!(warning, None, "it was asked for, and missed");
    projects
        .iter()
        .for_each(|(here, there)| fs::rename(there, here).unwrap());
    println!("{count}: ready after {started:?}; `find` takes {walked:?}");
    let most = walked * WALKS + Duration::from_secs(3);
    assert!(started < most, "{started:?}, and `find` {walked:?}");
}

fn appends_in_the_same_time(few: &mut Followed, many: &mut Followed, count: u64) {
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    // The first line of a transcript that a process has not taken yet costs a comparison: all are of one transcript.
    for turn in 0..=TURNS {
        of_few.push(few.append(FEW / 2, turn));
        of_many.push(many.append(count / 2, turn));
    }
    let (of_few, of_many) = (median(of_few), median(of_many));
    let ratio = of_many.as_secs_f64() / of_few.as_secs_f64();
    println!("a line of {count} transcripts takes {ratio:.2} of what it takes with {FEW} ({of_few:?})");
    // On a machine with other work, the short form is about more than twice as long.
    let most = if amount(0, 1) == 1 { 1.5 } else { 2.5 };
    assert!(ratio < most, "{of_many:?}, and {of_few:?} with {FEW}");
}

/// Beside what the process takes with a few; in the long form alone, for the short one's are few.
fn costs_little_while_nothing_happens(few: &Followed, many: &Followed, count: u64) {
    let both = [few, many];
    let (begun, before) = (Instant::now(), both.map(Followed::processor));
    sleep(Duration::from_secs(amount(0, 120)));
    let (took, after) = (begun.elapsed().as_secs_f64().max(1.0), both.map(Followed::processor));
    let share = |one: usize| (after[one] - before[one]).as_secs_f64() / took;
    let (of_few, of_many) = (share(0), share(1));
    println!(
        "while nothing happens, {count} take {:.2} % of a core, and {FEW} {:.2} %",
        of_many * 100.0,
        of_few * 100.0
    );
    assert!(of_many - of_few < QUIET, "{of_many} of a core, and {of_few}");
}

#[test]
fn memory_grows_little_with_destinations() {
    let (destinations, first, all) = (amount(4, 10), amount(40, 100), amount(640, 1100));
    let dir = tempfile::tempdir().unwrap();
    let mut followed = Followed::at(dir.path(), first);
    let mut stores = vec![followed.installation.store.clone()];
    for number in 1..destinations {
        let store = dir.path().join(format!("store-{number}"));
        fs::create_dir(&store).unwrap();
        let place = followed.installation.config.join(format!("adapters/fs{number}"));
        fs::copy(adapter("fs"), place.with_extension("wasm")).unwrap();
        let manifest = format!("[grants]\ndirs = [{{ host = {store:?}, guest = \"/data\" }}]\n");
        fs::write(place.with_extension("toml"), manifest).unwrap();
        stores.push(store);
    }
    followed.start(1024);
    let mut memory_with = |count| {
        let have_all = |_: &Followed| {
            sleep(Duration::from_millis(50));
            stores.iter().all(|store| stored(store) == count)
        };
        followed.wait("all at all", count * destinations, have_all);
        let memory = followed.memory();
        write_transcripts(&followed.projects, first, all);
        memory
    };
    let (before, after) = (memory_with(first), memory_with(all));
    let each = after.saturating_sub(before) / ((all - first) * destinations);
    println!(
        "{destinations} destinations, {} transcripts more: {each} bytes each",
        all - first
    );
    assert!(
        each <= MEMORY_EACH_WAY,
        "{each} bytes for a transcript and a destination"
    );
    followed.end();
}
