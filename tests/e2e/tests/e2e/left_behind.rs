//! What a process could not deliver: seen, delivered later, copied and compared, by the real command and component.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirrorbox::config::Config;
use mirrorbox::host::{Events, Host, HostEvent};
use mirrorbox::key::SessionKey;
use mirrorbox::mirror::What;
use mirrorbox_e2e::{Installation, Ran};
use mirrorbox_transcripts::Projects;
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(180);

fn key() -> SessionKey {
    SessionKey::main("-srv-app", "session").unwrap()
}

/// A host that knows no destination: what is appended waits for those of the configuration.
fn host(installed: &Installation) -> Host {
    Host::builder(&installed.state).build_blocking().unwrap()
}

fn append(host: &Host, count: u64) {
    let transcript = host.transcript(key());
    for number in 0..count {
        let entry = format!("{{\"type\":\"user\",\"timestamp\":\"2026-05-01T10:00:00Z\",\"n\":{number}}}");
        transcript.append_blocking(&[entry]).unwrap();
    }
}

/// Lines of a process that is gone.
fn left_behind(installed: &Installation, count: u64) {
    let host = host(installed);
    append(&host, count);
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

fn run(installed: &Installation, code: i32, arguments: &[&str]) -> Value {
    let ran = installed.run(arguments.iter().chain(&["--json"]).map(OsStr::new));
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:#?}");
    json(&ran)
}

#[test]
fn what_waits_is_seen_and_drained() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    assert_eq!(run(&installed, 0, &["status"])["destinations"][0]["entries"], 0);
    left_behind(&installed, 3);
    let status = run(&installed, 3, &["status"]);
    let fs = &status["destinations"][0];
    assert_eq!(
        (&fs["destination"], &fs["entries"]),
        (&"fs".into(), &3.into()),
        "{status}"
    );
    assert_eq!(fs["oldest"], 1_777_629_600_000_u64);
    assert_eq!(status["writers"][0]["alive"], false);
    let table = installed.run(["status"]).stdout;
    assert!(table.contains("-srv-app/session"), "{table}");
    let drained = run(&installed, 0, &["drain"]);
    assert_eq!(drained["destinations"][0]["delivered"]["entries"], 3, "{drained}");
    assert_eq!(run(&installed, 0, &["status"])["destinations"][0]["entries"], 0);
    assert_eq!(
        run(&installed, 0, &["verify", "--spools"])["destinations"][0]["report"]["entries"],
        3
    );
    assert_eq!(installed.succeeds(["show", "session", "--json"]).lines().count(), 3);
}

#[test]
fn a_drain_that_cannot_help_ends_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    left_behind(&installed, 3);
    let away = dir.path().join("away");
    fs::rename(&installed.store, &away).unwrap();
    // A folder that is missing may be mounted a moment later; a file in its place stays one.
    fs::write(&installed.store, "").unwrap();
    // The deadline is an hour: it ends because nobody but a person can help.
    let drained = run(&installed, 3, &["drain"]);
    let row = &drained["destinations"][0];
    assert_eq!(row["remains"]["entries"], 3, "{drained}");
    let cause = row["causes"][0].as_str().unwrap();
    assert!(cause.contains(installed.store.to_str().unwrap()), "{cause}");
    fs::remove_file(&installed.store).unwrap();
    fs::rename(&away, &installed.store).unwrap();
    run(&installed, 0, &["drain"]);
}

#[test]
fn lines_of_a_living_process_are_left_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let host = host(&installed);
    append(&host, 2);
    let drained = run(&installed, 3, &["drain"]);
    let row = &drained["destinations"][0];
    assert_eq!(
        (&row["remains"]["entries"], &row["theirs"]["entries"]),
        (&0.into(), &2.into()),
        "{drained}"
    );
    assert_eq!(row["theirs"]["writers"][0], host.writer());
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    run(&installed, 0, &["drain"]);
}

#[test]
fn what_a_destination_lost_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    left_behind(&installed, 3);
    run(&installed, 0, &["drain"]);
    fs::remove_dir_all(&installed.store).unwrap();
    fs::create_dir(&installed.store).unwrap();
    let verified = run(&installed, 1, &["verify", "--spools"]);
    assert_eq!(
        verified["destinations"][0]["report"]["streams"][0]["missing"], 3,
        "{verified}"
    );
    // The next one to deliver finds that out, too, and delivers again.
    run(&installed, 0, &["drain"]);
}

/// A second destination of the same kind.
fn second(installed: &Installation, dir: &Path) -> PathBuf {
    let adapters = installed.config.join("adapters");
    let store = dir.join("second");
    fs::create_dir(&store).unwrap();
    fs::copy(adapters.join("fs.wasm"), adapters.join("second.wasm")).unwrap();
    let manifest = format!("[grants]\ndirs = [{{ host = {store:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("second.toml"), manifest).unwrap();
    store
}

#[test]
fn a_copy_is_the_same_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    second(&installed, dir.path());
    let made = Projects {
        seed: 11,
        sessions: 3,
        bytes: 300_000,
    };
    let projects = dir.path().join("projects");
    made.write(&projects).unwrap();
    let projects = projects.to_str().unwrap();
    run(&installed, 0, &["import", "--projects-dir", projects, "--to", "fs"]);
    run(&installed, 3, &["verify", "--between"]);
    let copy = ["copy", "--from", "fs", "--to", "second"];
    let report = run(&installed, 0, &copy);
    assert!(
        report["batches"].as_u64().unwrap() >= 3 && report["failures"] == 0,
        "{report}"
    );
    run(&installed, 0, &["verify", "--between", "fs", "second"]);
    let again = run(&installed, 0, &copy);
    assert_eq!(
        (&again["batches"], &again["present"]),
        (&0.into(), &report["streams"].as_array().unwrap().len().into())
    );
    let session = report["streams"][0]["stream"]["session"].as_str().unwrap();
    run(&installed, 0, &["delete", session, "--from", "second", "--yes"]);
    let left_alone = run(&installed, 0, &["copy", session, "--from", "fs", "--to", "second"]);
    assert!(
        left_alone["deleted"].as_u64().unwrap() > 0 && left_alone["batches"] == 0,
        "{left_alone}"
    );
    run(&installed, 3, &["verify", "--between"]);
    for wrong in [
        &["copy", "--from", "fs", "--to", "fs"][..],
        &["copy", "--from", "fs", "--to", "nobody"],
    ] {
        assert_eq!(installed.run(wrong).code, Some(2));
    }
}

fn wait_for(events: &mut Events, is_it: impl Fn(&What) -> bool) {
    loop {
        match events.next_blocking() {
            Some(HostEvent::Mirror(event)) if is_it(&event.what) => return,
            Some(_) => {}
            None => panic!("the host ended first"),
        }
    }
}

#[test]
fn an_adapter_that_is_mended_while_the_host_runs_delivers_then() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let manifest = installed.config.join("adapters/fs.toml");
    let good = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, good.replace("/store", "/nowhere")).unwrap();
    // A folder that is missing may be mounted a moment later; a file in its place stays one.
    fs::write(installed.store.with_file_name("nowhere"), "").unwrap();
    let config = Config::load(&installed.config, &installed.state).unwrap();
    let host = Host::builder(&config.state).config(&config).build_blocking().unwrap();
    let mut events = host.events();
    append(&host, 3);
    if host.status()[0].trouble.is_none() {
        wait_for(&mut events, |what| matches!(what, What::NotOpened { .. }));
    }
    let left = host.flush_blocking(Duration::from_millis(1)).unwrap();
    assert!(left.entries() == 3 && !left.left[0].can_retry, "{left:?}");
    fs::write(&manifest, good).unwrap();
    wait_for(&mut events, |what| matches!(what, What::Opened));
    assert!(host.flush_blocking(DEADLINE).unwrap().is_empty());
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    assert_eq!(installed.succeeds(["show", "session", "--json"]).lines().count(), 3);
}
