//! README's doors for operators and for runtimes in Rust, as they stand there. Those for Python and TypeScript are
//! run by the packages' own tests.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mirrorbox::agent_format::project_key;
use mirrorbox_e2e::{Claude, Installation, command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const README: &str = include_str!("../../../../README.md");
const THIS: &str = include_str!("readme.rs");
const PATIENCE: Duration = Duration::from_secs(120);

/// The first block of a language.
fn block(language: &str) -> String {
    let begins = format!("```{language}\n");
    let (_, rest) = README.split_once(&begins).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A user who has the command and the agent's on the path, and nothing else.
struct Operator {
    home: PathBuf,
    path: OsString,
    model: Vec<(&'static str, String)>,
}

impl Operator {
    fn new(home: PathBuf, claude: &Claude) -> Self {
        let bin = home.join("bin");
        fs::create_dir_all(&bin).unwrap();
        symlink(command(), bin.join("mirrorbox")).unwrap();
        symlink(&claude.program, bin.join("claude")).unwrap();
        let mut path = bin.into_os_string();
        path.push(":/usr/bin:/bin");
        Self {
            home,
            path,
            model: claude.model.environment().to_vec(),
        }
    }

    fn types(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec {line}")])
            .current_dir(&self.home)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", &self.path)
            .envs(self.model.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    }

    fn gets(&self, line: &str) -> String {
        let output = self.types(line).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Waits until `watch` says itself that all is well.
fn follows(operator: &Operator, watch: &mut Child) {
    let until = Instant::now() + PATIENCE;
    loop {
        // It does not end with 0 before every destination is open.
        let status = operator.types("mirrorbox status --json").output().unwrap();
        if status.status.success() && String::from_utf8_lossy(&status.stdout).contains("\"source\":\"watch\"") {
            return;
        }
        assert!(watch.try_wait().unwrap().is_none() && Instant::now() < until);
    }
}

#[test]
fn the_operators_door() {
    let Some(claude) = Claude::installed() else { return };
    let dir = tempfile::tempdir().unwrap();
    let operator = Operator::new(dir.path().join("home"), &claude);
    let store = dir.path().join("transcripts");
    let typed = block("sh").replace("/var/lib/transcripts", store.to_str().unwrap());
    let (mut watch, mut seen) = (None, Vec::new());
    for line in typed.lines() {
        let line = line.split(" # ").next().unwrap_or_default().trim();
        if line == "mirrorbox watch" {
            let mut child = operator.types(line).spawn().unwrap();
            follows(&operator, &mut child);
            watch = Some(child);
        } else {
            seen.push((line.to_owned(), operator.gets(line)));
        }
    }
    let mut watch = watch.unwrap();
    kill(Pid::from_raw(watch.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert!(watch.wait().unwrap().success());

    // The line that a reader of these comes for: what the agent wrote is stored, and comes back as it was.
    let key = project_key(&operator.home);
    let files = |root: &Path| -> Vec<Vec<u8>> {
        let files = fs::read_dir(root.join("projects").join(&key)).unwrap().flatten();
        let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "jsonl"));
        files.map(|file| fs::read(file.path()).unwrap()).collect()
    };
    let restored = files(&operator.home.join("restored"));
    assert_eq!(restored.len(), 1, "{seen:#?}");
    assert!(String::from_utf8_lossy(&restored[0]).contains("\"type\":\"assistant\""));
}

#[expect(unused_variables, reason = "README says what it is good for")]
async fn embedded(
    config_dir: &Path,
    state_dir: &Path,
    session_id: &str,
    entries: &[&[u8]],
) -> Result<(), Box<dyn Error>> {
    use mirrorbox::config::Config;
    use mirrorbox::host::Host;
    use mirrorbox::key::SessionKey;

    let config = Config::load(config_dir, state_dir)?;
    let host = Host::builder(&config.state).config(&config).build().await?;
    let transcript = host.transcript(SessionKey::main("-srv-app", session_id)?);
    transcript.append(entries).await?;
    let left = transcript.flush(Duration::from_secs(10)).await?;
    let left = host.close(Duration::from_secs(30)).await?;
    Ok(())
}

/// Lines without what stands around them.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let lines = lines.map(|line| line.replace("&entries", "entries").trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_runtimes_door() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Installation::at(dir.path());
    let entries: [&[u8]; 1] = [br#"{"type":"user","uuid":"1"}"#];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(embedded(&installed.config, &installed.state, "one", &entries))
        .unwrap();
    assert!(installed.succeeds(["show", "one", "--json"]).contains("\"uuid\":\"1\""));
    let (typed, here) = (lines(&block("rust")), lines(THIS));
    assert!(here.windows(typed.len()).any(|window| window == typed), "{typed:#?}");
}
