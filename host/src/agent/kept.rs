//! Whether the agent keeps its session at all: what it does not write, nobody can mirror.

use std::env;

use super::command::{CommandLine, NOT_KEPT};

/// Set where an agent has started this process. An agent that finds one of them in its environment takes itself for a
/// part of the other's work, and at a terminal it keeps no transcript.
pub(super) const MARKERS: [&str; 2] = ["CLAUDECODE", "CLAUDE_CODE_CHILD_SESSION"];

/// By this the user says that nothing is to be kept.
const SKIP: &str = "CLAUDE_CODE_SKIP_PROMPT_HISTORY";

/// By what the agent's settings say to keep nothing of its session, and what to do; none where it keeps it.
pub(super) fn not_kept(line: &CommandLine) -> Option<String> {
    if line.is_not_kept() {
        return Some(format!("leave `{NOT_KEPT}` out of the command"));
    }
    let is_set = env::var(SKIP).is_ok_and(|value| is_true(&value));
    is_set.then(|| format!("{SKIP} is set in the environment"))
}

/// As the agent reads such a variable.
fn is_true(value: &str) -> bool {
    matches!(value.trim().to_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_agents_own() {
        let line = |words: &str| {
            let words: Vec<_> = words.split(' ').map(Into::into).collect();
            CommandLine::new(&words).unwrap()
        };
        assert!(
            not_kept(&line("claude --no-session-persistence"))
                .unwrap()
                .contains(NOT_KEPT)
        );
        assert_eq!(not_kept(&line("claude -p -- --no-session-persistence")), None);
        assert!(is_true("1") && is_true("True") && !is_true("0") && !is_true(""));
    }
}
