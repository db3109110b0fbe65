use std::ffi::{OsStr, OsString};

use super::AgentError;

const FORMAT: &str = "--output-format";
const STREAM: &str = "stream-json";
const MIRROR: &str = "--session-mirror";

/// Options by which whoever starts the agent says which session it is to be.
const CHOOSING: [&str; 7] = [
    "--resume",
    "-r",
    "--continue",
    "-c",
    "--session-id",
    "--fork-session",
    "--no-session-persistence",
];

/// What is run.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl CommandLine {
    pub(super) fn new(words: &[OsString]) -> Result<Self, AgentError> {
        let (program, arguments) = words.split_first().ok_or(AgentError::NoCommand)?;
        Ok(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
        })
    }

    /// Asks for frames where the command can print them: among JSON messages. Whether it can.
    pub(super) fn ask_for_frames(&mut self) -> bool {
        if self.behind_format().is_none() {
            return false;
        }
        if !self.arguments.iter().any(|argument| argument == MIRROR) {
            self.add(MIRROR);
        }
        true
    }

    /// The option that says which session it is to be, if there is one.
    pub(super) fn chosen(&self) -> Option<&str> {
        let own = self.arguments.iter().take_while(|argument| *argument != "--");
        own.filter_map(|argument| argument.to_str()).find(|argument| {
            let name = argument.split_once('=').map_or(*argument, |(name, _)| name);
            CHOOSING.contains(&name)
        })
    }

    /// Adds an option where it is read as one.
    pub(super) fn add(&mut self, option: impl AsRef<OsStr>) {
        let end = self.arguments.iter().position(|argument| argument == "--");
        let at = self.behind_format().or(end).unwrap_or(self.arguments.len());
        self.arguments.insert(at, option.as_ref().to_owned());
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
        line.add("--resume=x");
        assert_eq!(text(&line), "-p --resume=x -- hi");
    }

    #[test]
    fn whoever_chooses_a_session_is_seen() {
        assert_eq!(line("c -p hi --resume=x").chosen(), Some("--resume=x"));
        assert_eq!(line("c -c").chosen(), Some("-c"));
        assert_eq!(line("c -p -- --resume").chosen(), None);
    }
}
