//! The agent's command line, and the options that are added to it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::environment::{SKIP_HISTORY, skips_history};

const FORMAT: &str = "--output-format";
const STREAM: &str = "stream-json";
const MIRROR: &str = "--session-mirror";

/// Options by which the agent's caller says which session it is to be.
const CHOOSING: [&str; 7] = [RESUME, "-r", "--continue", "-c", SESSION, FORK, NOT_KEPT];

const RESUME: &str = "--resume";
const SESSION: &str = "--session-id";
const FORK: &str = "--fork-session";

/// The option that has the agent keep nothing of its session.
const NOT_KEPT: &str = "--no-session-persistence";

/// Programs that run a script: their options, `-c` above all, are not the agent's.
const SHELLS: [&str; 8] = ["sh", "ash", "bash", "dash", "fish", "ksh", "mksh", "zsh"];

/// How the file name of the agent's own command begins, wherever another program starts it (`timeout 1h claude`).
const AGENT: &str = "claude";

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
}

impl CommandLine {
    /// `None` if there is not a word.
    pub(crate) fn new(words: &[OsString]) -> Option<Self> {
        let (program, arguments) = words.split_first()?;
        Some(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
        })
    }

    /// Asks for frames where the command can print them: among JSON messages. Whether it can.
    pub(crate) fn ask_for_frames(&mut self) -> bool {
        if self.behind_format().is_none() {
            return false;
        }
        if !self.arguments.iter().any(|argument| argument == MIRROR) {
            self.add(MIRROR);
        }
        true
    }

    /// The option that says which session it is to be, if the agent has one.
    pub(crate) fn chosen(&self) -> Option<&str> {
        self.agents_own().find(|argument| {
            let name = argument.split_once('=').map_or(*argument, |(name, _)| name);
            CHOOSING.contains(&name)
        })
    }

    /// By what the agent is to keep nothing of its session, and what to do; `None` if it keeps it. What it does not
    /// write cannot be mirrored.
    pub(crate) fn not_kept(&self) -> Option<String> {
        if self.agents_own().any(|argument| argument == NOT_KEPT) {
            return Some(format!("leave `{NOT_KEPT}` out of the command"));
        }
        skips_history().then(|| format!("{SKIP_HISTORY} is set in the environment"))
    }

    /// The agent begins a session with this id.
    pub(crate) fn begin(&mut self, session: &str) {
        self.add(format!("{SESSION}={session}"));
    }

    /// The agent goes on with a session, or with a copy of it that has another id.
    pub(crate) fn resume(&mut self, session: &str, fork: Option<&str>) {
        self.add(format!("{RESUME}={session}"));
        if let Some(fork) = fork {
            self.add(FORK);
            self.begin(fork);
        }
    }

    /// The arguments that the agent itself reads: those behind its name, where another program starts it. What a shell
    /// is to do is the shell's.
    fn agents_own(&self) -> impl Iterator<Item = &str> {
        let named = self.arguments.iter().position(|argument| is_agent(argument));
        let from = match named {
            _ if self.is_shell() => self.arguments.len(),
            // The program itself is the agent, and the word is an argument of its own.
            _ if is_agent(&self.program) => 0,
            Some(named) => named + 1,
            None => 0,
        };
        let own = self.arguments.iter().skip(from);
        own.take_while(|argument| *argument != "--")
            .filter_map(|argument| argument.to_str())
    }

    fn is_shell(&self) -> bool {
        file_name(&self.program).is_some_and(|name| SHELLS.contains(&name))
    }

    /// Adds an option where it is read as one. A shell's script finds it in `"$@"`.
    fn add(&mut self, option: impl AsRef<OsStr>) {
        if self.is_shell() && self.ends_with_script() {
            // What stands behind the script is its name, and only then its arguments.
            self.arguments.push(self.program.clone());
        }
        let end = self.arguments.iter().position(|argument| argument == "--");
        let at = self.behind_format().or(end).unwrap_or(self.arguments.len());
        self.arguments.insert(at, option.as_ref().to_owned());
    }

    /// Whether nothing stands behind a shell's `-c SCRIPT` (or `-ec SCRIPT`).
    fn ends_with_script(&self) -> bool {
        let [.., option, _] = self.arguments.as_slice() else {
            return false;
        };
        let letters = option.to_str().and_then(|option| option.strip_prefix('-'));
        letters.is_some_and(|letters| letters.ends_with('c') && !letters.starts_with('-'))
    }

    /// The place behind the option that asks for JSON messages.
    fn behind_format(&self) -> Option<usize> {
        let own = self.arguments.iter().take_while(|argument| *argument != "--");
        let own: Vec<_> = own.map(OsString::as_os_str).collect();
        let joined = format!("{FORMAT}={STREAM}");
        let as_one = own.iter().position(|argument| *argument == OsStr::new(&joined));
        let as_two = || {
            let pair = [OsStr::new(FORMAT), OsStr::new(STREAM)];
            own.windows(2).position(|two| two == pair).map(|at| at + 1)
        };
        as_one.or_else(as_two).map(|at| at + 1)
    }
}

/// Whether a word names the agent's own command.
fn is_agent(word: &OsStr) -> bool {
    let behind = file_name(word).and_then(|name| name.strip_prefix(AGENT));
    behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}

fn file_name(path: &OsStr) -> Option<&str> {
    Path::new(path).file_name()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> CommandLine {
        let words: Vec<_> = words.split(' ').map(OsString::from).collect();
        CommandLine::new(&words).unwrap()
    }

    fn text(line: &CommandLine) -> String {
        line.arguments.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn frames_are_asked_for_among_json_messages_only() {
        for (before, after) in [
            (
                "c -p hi --output-format stream-json",
                "-p hi --output-format stream-json --session-mirror",
            ),
            (
                "c --output-format=stream-json -- hi",
                "--output-format=stream-json --session-mirror -- hi",
            ),
            (
                "c --session-mirror --output-format stream-json",
                "--session-mirror --output-format stream-json",
            ),
        ] {
            let mut line = line(before);
            assert!(line.ask_for_frames());
            assert_eq!(text(&line), after);
        }
        for other in [
            "c",
            "c -p hi --output-format json",
            "c -p -- --output-format stream-json",
        ] {
            let mut line = line(other);
            assert!(!line.ask_for_frames(), "{other}");
            assert_eq!(text(&line), other.strip_prefix("c").unwrap().trim_start());
        }
    }

    #[test]
    fn options_are_added_before_the_rest() {
        let mut line = line("c -p -- hi");
        line.resume("x", Some("y"));
        assert_eq!(text(&line), "-p --resume=x --fork-session --session-id=y -- hi");
    }

    #[test]
    fn options_of_other_programs_are_not_the_agents() {
        for others in [
            "sh -c exit",
            "/bin/bash -lc claude",
            "taskset -c 0 claude -p hi",
            "timeout -k 5 1h /opt/claude -p -- -c",
        ] {
            assert_eq!(line(others).chosen(), None, "{others}");
        }
        assert_eq!(line("taskset -c 0 claude -c").chosen(), Some("-c"));
        assert_eq!(line("claude -c claude").chosen(), Some("-c"));
        let option = line("nice claude --no-session-persistence").not_kept().unwrap();
        assert!(option.contains(NOT_KEPT));
        for others in [
            "sh -c exit --no-session-persistence",
            "claude -p -- --no-session-persistence",
        ] {
            assert_eq!(line(others).not_kept(), None, "{others}");
        }
    }

    #[test]
    fn a_script_finds_what_is_added_in_its_arguments() {
        for (before, after) in [
            ("sh -c script", "-c script sh --resume=x"),
            ("/bin/bash -ec script", "-ec script /bin/bash --resume=x"),
            ("sh -c script name", "-c script name --resume=x"),
            ("sh script", "script --resume=x"),
        ] {
            let mut line = line(before);
            line.add("--resume=x");
            assert_eq!(text(&line), after);
            line.add("--fork-session");
            assert_eq!(text(&line), format!("{after} --fork-session"));
        }
    }

    #[test]
    fn whoever_chooses_a_session_is_seen() {
        assert_eq!(line("c -p hi --resume=x").chosen(), Some("--resume=x"));
        assert_eq!(line("c -c").chosen(), Some("-c"));
        assert_eq!(line("c -p -- --resume").chosen(), None);
    }
}
