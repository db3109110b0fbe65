//! Components that take a compiler minutes and gigabytes.

use std::fs;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::{join, join_all};
use mirrorbox::adapter::{AdapterError, Inspection};
use mirrorbox_e2e::{Installation, runtime};

use crate::raw::Raw;

/// How many open while one is being compiled.
const OTHERS: usize = 10;

/// Unlike any that was compiled before.
pub(super) fn fresh() -> Raw {
    Raw::new().with(&format!("(data (i32.const 4096) \"{}\")", fastrand::u64(..)))
}

/// Some 300 KB: a function with more local variables and branches than a compiler can follow. Which value a variable
/// has at its end depends on every branch.
pub(super) fn bomb() -> String {
    const LOCALS: usize = 3_000;
    let branch = |number: usize| {
        let [condition, from, to] = [number, number * 7 + 1, number * 13 + 5].map(|local| local % LOCALS);
        format!("(if (local.get {condition}) (then (local.set {to} (local.get {from}))))")
    };
    let branches: String = (0..22_000).map(branch).collect();
    let uses: String = (0..LOCALS).map(|local| format!("(drop (local.get {local}))")).collect();
    let locals = "i32 ".repeat(LOCALS);
    format!("(func (export \"bomb\") (local {locals}) {branches} {uses})")
}

#[tokio::test]
async fn one_that_takes_minutes_is_refused_while_ten_others_open() {
    let (_dir, path) = fresh().with(&bomb()).write();
    let size = fs::metadata(&path).unwrap().len();
    assert!((250_000..350_000).contains(&size), "{size}");
    let opened = AtomicUsize::new(0);
    let others = join_all((0..OTHERS).map(|_| async {
        fresh().open("").await.unwrap();
        opened.fetch_add(1, Ordering::Relaxed);
    }));
    let refused = async {
        let error = Raw::open_at(&path, "").await.unwrap_err();
        (error, opened.load(Ordering::Relaxed))
    };
    let ((error, before), _) = join(refused, others).await;
    assert!(matches!(error, AdapterError::TooCostly { .. }), "{error}");
    is_refused_in_time(&error.to_string());
    assert!(!error.can_retry(), "{error}");
    assert_eq!(before, OTHERS, "they wait for nobody");
    let again = Raw::open_at(&path, "").await.unwrap_err().to_string();
    assert!(again.starts_with(&error.to_string()), "{error}, then {again}");
    assert!(again.contains("remove") && again.contains(".refused"), "{again}");
}

/// What it took until then: 10 s of a processor and 1 GiB, at most.
fn is_refused_in_time(error: &str) {
    let (_, took) = error
        .split_once("compiling it takes more than ")
        .unwrap_or_else(|| panic!("{error}"));
    let (number, unit) = took.split_once(' ').unwrap();
    let most = if unit.starts_with("MiB of memory") { 1_024 } else { 10 };
    assert!(number.parse::<u64>().unwrap() <= most, "{error}");
    assert!(
        unit.starts_with("MiB of memory") || unit.starts_with("s of a processor"),
        "{error}"
    );
}

/// Nothing is compiled that the host has no use for, whatever it would cost.
#[test]
fn what_keeps_no_contract_is_not_compiled() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let component = wat::parse_str(format!("(component (core module {}))", bomb())).unwrap();
    fs::write(file.path(), component).unwrap();
    let inspected = Inspection::of(&runtime(), file.path()).unwrap();
    assert!(inspected.contract.is_err(), "{inspected:?}");
}

#[test]
fn an_interrupted_inspection_ends_with_its_compiler() {
    let dir = tempfile::tempdir().unwrap();
    let (_dir, path) = fresh().with(&bomb()).write();
    let installation = Installation::at(dir.path());
    let arguments = ["adapters".as_ref(), "inspect".as_ref(), path.as_os_str()];
    let mut inspecting = installation.command(arguments).spawn().unwrap();
    let compiler = compiler_of(&mut inspecting);
    let interrupted = Command::new("kill")
        .args(["-INT", &inspecting.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    assert_eq!(inspecting.wait().unwrap().code(), Some(130));
    while runs(compiler) {
        thread::sleep(Duration::from_millis(5));
    }
}

/// The process that compiles the code itself: it runs for longer than it takes to start.
fn compiler_of(parent: &mut Child) -> u32 {
    loop {
        assert_eq!(parent.try_wait().unwrap(), None, "it has ended by itself");
        if let Some(child) = children(parent.id())
            .into_iter()
            .find(|child| processor_ticks(*child) > 20)
        {
            return child;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(|id| id.parse().unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What it has computed, in hundredths of a second; nothing where it is gone.
fn processor_ticks(process: u32) -> u64 {
    let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
        return 0;
    };
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(11).unwrap().parse().unwrap()
}

/// Whether it is still there, and no zombie.
fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}
