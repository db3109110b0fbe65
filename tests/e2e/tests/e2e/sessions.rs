//! What people do with stored sessions, through the command: titles, tags, forks, conversations, and following one
//! live.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use mirrorbox::host::Host;
use mirrorbox::key::SessionKey;
use mirrorbox_e2e::Installation;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const PROJECT: &str = "-srv-app";
const SESSION: &str = "0b6c9f0e-0000-4000-8000-000000000001";
const DEADLINE: Duration = Duration::from_secs(180);

fn said(uuid: &str, parent: Option<&str>) -> String {
    json!({"type": "user", "uuid": uuid, "parentUuid": parent, "message": {"role": "user", "content": uuid}})
        .to_string()
}

/// An installation that holds one session, of which a part was rewound, and its subagent.
fn with_session(dir: &Path) -> Installation {
    let installed = Installation::at(dir);
    let projects = dir.join("projects");
    let agents = projects.join(PROJECT).join(SESSION).join("subagents");
    fs::create_dir_all(&agents).unwrap();
    let rows = [
        said("Find the leak", None),
        said("No, this", Some("Find the leak")),
        said("Rather that", Some("Find the leak")),
    ];
    fs::write(
        projects.join(PROJECT).join(format!("{SESSION}.jsonl")),
        rows.join("\n") + "\n",
    )
    .unwrap();
    fs::write(agents.join("agent-a1.jsonl"), said("Look there", None) + "\n").unwrap();
    fs::write(agents.join("agent-a1.meta.json"), r#"{"toolUseId":"toolu_1"}"#).unwrap();
    installed.succeeds(["import", "--projects-dir", projects.to_str().unwrap()]);
    installed
}

fn lines(printed: &str) -> Vec<Value> {
    printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn uuids(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["uuid"].as_str().unwrap())
        .collect()
}

/// The one session with this id in the list.
fn listed(installed: &Installation, id: &str) -> Value {
    let sessions = installed.json(["sessions"])["sessions"].take();
    let found = sessions.as_array().unwrap().iter().find(|row| row["session"] == id);
    found.unwrap().clone()
}

#[test]
fn a_session_is_renamed_and_tagged() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_session(dir.path());
    let renamed = installed.json(["rename", "0b6c9f0e", " The leak ", "--deadline", "180s"]);
    assert_eq!(
        (&renamed["session"], &renamed["title"]),
        (&json!(SESSION), &json!("The leak"))
    );
    assert_eq!(renamed["left"], json!([]));
    installed.succeeds(["tag", SESSION, "later", "--deadline", "180s"]);
    let info = listed(&installed, SESSION)["info"].take();
    assert_eq!((&info["summary"], &info["tag"]), (&json!("The leak"), &json!("later")));
    let table = installed.succeeds(["sessions"]);
    assert!(table.contains("later") && table.contains("The leak"), "{table}");
    installed.succeeds(["tag", SESSION, "--clear", "--deadline", "180s"]);
    assert_eq!(listed(&installed, SESSION)["info"]["tag"], Value::Null);
    // Nothing else was added, and nothing waits.
    assert_eq!(lines(&installed.succeeds(["show", SESSION, "--json"])).len(), 6);
    installed.succeeds(["status"]);
    installed.succeeds(["verify"]);
}

#[test]
fn what_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_session(dir.path());
    for arguments in [
        &["rename", "no-such", "x"][..],
        &["tag", "no-such", "x"],
        &["fork", "no-such"],
        &["fork", SESSION, "--through", "no-such"],
        &["show", SESSION, "--subagent", "no-such"],
        &["tail", "no-such"],
    ] {
        let ran = installed.run(arguments);
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:#?}");
        assert!(ran.stderr.contains("no-such"), "{ran:#?}");
    }
    for arguments in [
        &["rename", SESSION, " "][..],
        &["tag", SESSION, "\u{200b}"],
        &["tag", SESSION],
    ] {
        assert_eq!(installed.run(arguments).code, Some(2), "{arguments:?}");
    }
    assert_eq!(installed.json(["sessions"])["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(lines(&installed.succeeds(["show", SESSION, "--json"])).len(), 3);
}

#[test]
fn a_fork_is_a_session_that_can_be_restored() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_session(dir.path());
    let forked = installed.json(["fork", SESSION, "--through", "No, this", "--deadline", "180s"]);
    assert_eq!(
        (&forked["title"], &forked["entries"]),
        (&json!("Find the leak (fork)"), &json!(3))
    );
    let id = forked["session"]["session"].as_str().unwrap();
    assert_eq!(listed(&installed, id)["info"]["summary"], "Find the leak (fork)");
    let messages = lines(&installed.succeeds(["show", id, "--conversation", "--json"]));
    let said: Vec<_> = messages.iter().map(|message| &message["message"]["content"]).collect();
    assert_eq!(said, ["Find the leak", "No, this"]);
    let into = dir.path().join("restored");
    installed.succeeds(["restore", id, "--into", into.to_str().unwrap()]);
    let file = into.join("projects").join(PROJECT).join(format!("{id}.jsonl"));
    assert_eq!(fs::read_to_string(file).unwrap().lines().count(), 3);
    // The session itself is as it was.
    assert_eq!(lines(&installed.succeeds(["show", SESSION, "--json"])).len(), 3);
}

#[test]
fn the_conversation_is_shown_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_session(dir.path());
    let shown = |more: &[&str]| {
        let arguments = ["show", SESSION, "--conversation", "--json"];
        lines(&installed.succeeds(arguments.iter().chain(more)))
    };
    assert_eq!(uuids(&shown(&[])), ["Find the leak", "Rather that"]);
    assert_eq!(uuids(&shown(&["--offset", "1", "--limit", "5"])), ["Rather that"]);
    assert_eq!(uuids(&shown(&["--limit", "1"])), ["Find the leak"]);
    let agent = shown(&["--subagent", "a1"]);
    assert_eq!(
        (uuids(&agent), &agent[0]["parent_tool_use_id"]),
        (vec!["Look there"], &json!("toolu_1"))
    );
    let text = installed.succeeds(["show", SESSION, "--conversation"]);
    assert!(text.contains("Rather that") && !text.contains("No, this"), "{text}");
    assert_eq!(installed.run(["show", SESSION, "--limit", "1"]).code, Some(2));
}

#[test]
fn a_destination_that_is_away_gets_the_title_later_and_all_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_session(dir.path());
    let (adapters, second) = (installed.config.join("adapters"), dir.path().join("second"));
    fs::copy(adapters.join("fs.wasm"), adapters.join("second.wasm")).unwrap();
    let manifest = format!("[grants]\ndirs = [{{ host = {second:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("second.toml"), manifest).unwrap();
    let ran = installed.run(["rename", SESSION, "The leak"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(
        ran.stderr.contains("second") && ran.stderr.contains("drain"),
        "{ran:#?}"
    );
    assert_eq!(listed(&installed, SESSION)["info"]["summary"], "The leak");
    fs::create_dir(&second).unwrap();
    installed.succeeds(["drain"]);
    let main = |from| installed.succeeds(["show", SESSION, "--json", "--from", from]);
    assert_eq!(main("second"), main("fs"));
    assert_eq!(lines(&main("second")).len(), 4);
}

/// A command that runs until the test stops it. Dropped, it is killed.
struct Tail {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Tail {
    fn start(installed: &Installation) -> Self {
        let mut command = installed.command(["tail", SESSION, "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_session_is_followed_from_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let installed = with_session(dir.path());
    let mut tail = Tail::start(&installed);
    // The last batch that is there: all that was imported.
    for uuid in ["Find the leak", "No, this", "Rather that"] {
        assert_eq!(tail.next()["uuid"], uuid);
    }
    let config = installed.to_config();
    let host = Host::builder(&config.state).config(&config).build_blocking().unwrap();
    let transcript = host.transcript(SessionKey::main(PROJECT, SESSION).unwrap());
    for n in 0..5 {
        transcript.append_blocking(&[said(&n.to_string(), None)]).unwrap();
        assert!(transcript.flush_blocking(DEADLINE).unwrap().is_empty());
        assert_eq!(tail.next()["uuid"], n.to_string());
    }
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    kill(Pid::from_raw(tail.child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(tail.child.wait().unwrap().code(), Some(130));
    assert!(tail.lines.next().is_none());
}
