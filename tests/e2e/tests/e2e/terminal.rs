//! What the command prints on a terminal: printable text, whatever is stored.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use mirrorbox_e2e::{Installation, seed, test_guest};
use nix::pty::openpty;

const SESSION: &str = "0b6c9f0e-0000-4000-8000-00000000";
/// Texts in all, and how many of them begin a session of their own, for its listing.
const TEXTS: usize = 10_000;
const SESSIONS: usize = 50;

/// What the operating system says once nobody has the other end of a terminal open.
const EIO: i32 = 5;

/// Every control and format character of Unicode, what ends lines and paragraphs, variants, and some that are no
/// character yet or mean what two programs agreed on.
const UNPRINTABLE: &[(u32, u32)] = &[
    (0x00, 0x1f),
    (0x7f, 0x9f),
    (0xad, 0xad),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0xe000, 0xe010),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xfff9, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0001, 0xe0001),
    (0xe0020, 0xe007f),
    (0xe0100, 0xe01ef),
    (0x10fff0, 0x10ffff),
];

fn is_printable(char: char) -> bool {
    !UNPRINTABLE
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&u32::from(char)))
}

/// Texts that hold each of these characters, among letters and what makes commands of them.
fn texts() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed());
    let all: Vec<_> = UNPRINTABLE
        .iter()
        .flat_map(|(first, last)| (*first..=*last).filter_map(char::from_u32))
        .collect();
    let words = [
        "[2J",
        "]0;title",
        "c",
        "漢字",
        "ä",
        "\u{1b}[31m",
        "error: forged",
        "P",
        "\\",
        "[?1049h",
        "x",
    ];
    let text = |number: usize| {
        let first = all[number % all.len()];
        let rest = (0..random.usize(1..6))
            .map(|_| format!("{}{}", random.choice(&words).unwrap(), random.choice(&all).unwrap()));
        format!("{number}:{first}{}", rest.collect::<String>())
    };
    (0..TEXTS).map(text).collect()
}

/// Writes the texts as what a user said: most of them in one session, the others as the first of theirs.
fn write(projects: &Path, texts: &[String]) {
    let folder = projects.join("-srv-app");
    fs::create_dir_all(&folder).unwrap();
    let (first, rest) = texts.split_at(SESSIONS);
    let row = |session: &str, (number, text): (usize, &String)| {
        let row = serde_json::json!({
            "type": "user", "uuid": number.to_string(), "sessionId": session, "message": { "role": "user", "content": text },
        });
        format!("{row}\n")
    };
    for (session, text) in first.iter().enumerate() {
        let id = format!("{SESSION}{session:04}");
        fs::write(folder.join(format!("{id}.jsonl")), row(&id, (0, text))).unwrap();
    }
    let id = format!("{SESSION}9999");
    let rows: String = rest.iter().enumerate().map(|text| row(&id, text)).collect();
    fs::write(folder.join(format!("{id}.jsonl")), rows).unwrap();
}

/// What a command prints on a terminal of its own, to its end.
fn on_a_terminal(installed: &Installation, arguments: &[&str]) -> String {
    let terminal = openpty(None, None).unwrap();
    let mut command = installed.command(arguments);
    let [input, output, errors] = [(); 3].map(|()| Stdio::from(terminal.slave.try_clone().unwrap()));
    let mut running = command.stdin(input).stdout(output).stderr(errors).spawn().unwrap();
    // Its ends in this process would keep the terminal open.
    drop((command, terminal.slave));
    let (mut master, mut printed, mut piece) = (File::from(terminal.master), Vec::new(), [0; 1 << 16]);
    loop {
        match master.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => printed.extend_from_slice(&piece[..read]),
            Err(error) if error.raw_os_error() == Some(EIO) => break,
            Err(error) => panic!("{error}"),
        }
    }
    running.wait().unwrap();
    String::from_utf8(printed).unwrap()
}

fn is_clean(printed: &str, what: &str) {
    // A terminal makes a return and a line feed of each line end.
    let lines = printed.replace("\r\n", "\n");
    let odd = lines
        .chars()
        .find(|char| !matches!(char, '\n' | '\t') && !is_printable(*char));
    if let Some(odd) = odd {
        let line = lines.lines().find(|line| line.contains(odd));
        panic!("{what}: {odd:?} in {line:?}");
    }
}

#[test]
fn nothing_but_printable_text_reaches_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let (projects, texts) = (dir.path().join("projects"), texts());
    write(&projects, &texts);
    installed.succeeds(["import", "--projects-dir", projects.to_str().unwrap()]);
    let id = format!("{SESSION}9999");
    let shown = on_a_terminal(&installed, &["show", &id]);
    for number in [SESSIONS, TEXTS / 2, TEXTS - 1] {
        assert!(shown.contains(&format!("{number}:")), "{number} is not shown");
    }
    is_clean(&shown, "show");
    is_clean(&on_a_terminal(&installed, &["show", &id, "--json"]), "show --json");
    let listed = on_a_terminal(&installed, &["sessions"]);
    assert!(
        (0..SESSIONS).all(|session| listed.contains(&format!("{SESSION}{session:04}"))),
        "{listed}"
    );
    is_clean(&listed, "sessions");
    is_clean(&on_a_terminal(&installed, &["sessions", "--json"]), "sessions --json");
    // What a guest says, in an error and in the log; and what stands in a manifest.
    fs::copy(test_guest("hostile"), installed.config.join("adapters/odd.wasm")).unwrap();
    for deed in ["escape", &texts[1], &texts[100]] {
        let deed = serde_json::Value::from(deed).to_string().replace('\u{7f}', "\\u007f");
        fs::write(
            installed.config.join("adapters/odd.toml"),
            format!("[config]\ndo = {deed}\n"),
        )
        .unwrap();
        let told = on_a_terminal(&installed, &["adapters", "-v"]);
        assert!(told.contains("odd"), "{told}");
        is_clean(&told, "adapters");
    }
}
