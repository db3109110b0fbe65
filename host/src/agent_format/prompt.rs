//! The first prompt: the first thing that a person wrote, not the agent on their behalf.

use std::borrow::Cow;

use super::entry::member;
use crate::transcript::members::{each_item, string};

/// The most characters of a prompt; a longer one is cut there and an ellipsis follows.
const MAX_CHARS: usize = 200;

/// How texts begin that the agent puts in by itself.
const AUTOMATIC: &[&str] = &["<local-command-stdout>", "<session-start-hook>", "<tick>", "<goal>"];

/// Elements that hold what an editor tells the agent; such a text is nothing else.
const EDITOR: &[&str] = &["ide_opened_file", "ide_selection"];

/// What a message of a person holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PromptParts {
    /// The first text that is a prompt.
    pub(crate) prompt: Option<String>,
    /// The first slash command that is named before it and not empty; an empty one if there is no other.
    pub(crate) command: Option<String>,
}

/// Looks into a raw message.
pub(crate) fn prompt_in(message: &str) -> PromptParts {
    let mut found = PromptParts::default();
    for text in texts(message) {
        let line = text.replace('\n', " ");
        let line = line.trim_matches(is_space);
        if let Some(command) = command(line) {
            if found.command.as_ref().is_none_or(String::is_empty) {
                found.command = Some(command.to_owned());
            }
        } else if !line.is_empty() && !is_automatic(line) {
            found.prompt = Some(shortened(line));
            break;
        }
    }
    found
}

/// The texts of a message; none if it answers a tool call.
fn texts(message: &str) -> Vec<Cow<'_, str>> {
    let content = member(message, "content");
    if let Some(text) = string(content) {
        return vec![text];
    }
    let (mut texts, mut answers_tool) = (Vec::new(), false);
    let read = each_item(content, |block| match string(member(block, "type")).as_deref() {
        Some("text") => texts.extend(string(member(block, "text"))),
        Some("tool_result") => answers_tool = true,
        _ => {}
    });
    if read.is_err() || answers_tool {
        Vec::new()
    } else {
        texts
    }
}

fn command(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("<command-name>")?;
    behind.split_once("</command-name>").map(|(name, _)| name)
}

fn is_automatic(text: &str) -> bool {
    let interrupted = text.strip_prefix("[Request interrupted by user");
    AUTOMATIC.iter().any(|start| text.starts_with(start))
        || interrupted.is_some_and(|rest| rest.contains(']'))
        || EDITOR.iter().any(|name| is_element(text, name))
}

fn is_element(text: &str, name: &str) -> bool {
    text.strip_prefix(format!("<{name}>").as_str())
        .is_some_and(|rest| rest.ends_with(format!("</{name}>").as_str()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{}\u{2026}", start.trim_end_matches(is_space)),
        None => text.to_owned(),
    }
}

/// White space as the agent's SDK trims it: Unicode's, and the four separators of ASCII.
pub(crate) fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(content: &str) -> Option<String> {
        prompt_in(&format!(r#"{{"role":"user","content":{content}}}"#)).prompt
    }

    #[test]
    fn a_prompt_is_one_trimmed_line() {
        assert_eq!(prompt(r#"" \n Fix\n\nit \u001c\t""#).as_deref(), Some("Fix  it"));
        assert_eq!(prompt(r#""a\tb\r\nc""#).as_deref(), Some("a\tb\r c"));
        assert_eq!(prompt(r#"" \n\u2028""#), None);
    }

    #[test]
    fn the_first_text_block_that_says_something_counts() {
        let blocks = r#"[{"type":"image"},1,{"type":"text"},{"type":"text","text":" "},
            {"type":"text","text":"<tick>"},{"type":"text","text":"Hello"},{"type":"text","text":"x"}]"#;
        assert_eq!(prompt(blocks).as_deref(), Some("Hello"));
    }

    #[test]
    fn answers_to_tool_calls_are_no_prompts() {
        assert_eq!(
            prompt(r#"[{"type":"text","text":"x"},{"type":"tool_result","content":"y"}]"#),
            None
        );
    }

    #[test]
    fn what_the_agent_writes_itself_is_no_prompt() {
        for text in [
            "<local-command-stdout>x",
            "<session-start-hook>",
            "<tick>1",
            "<goal>x</goal> y",
            "[Request interrupted by user]",
            "[Request interrupted by user for tool use] and more",
            "<ide_opened_file>x</ide_opened_file>",
            " <ide_selection></ide_selection> ",
        ] {
            assert_eq!(prompt(&format!("{text:?}")), None, "{text}");
        }
        for text in [
            "x <tick>",
            "<ticks>",
            "[Request interrupted by user",
            "<ide_selection>x</ide_selection> y",
            "<ide_selection>",
            "<ide_opened_file>x</ide_selection>",
            "<task-notification>x",
        ] {
            assert_eq!(prompt(&format!("{text:?}")).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_command_is_remembered_and_no_prompt() {
        let found = |content: &str| prompt_in(&format!(r#"{{"content":{content}}}"#));
        let command = |command: &str, prompt: Option<&str>| PromptParts {
            prompt: prompt.map(str::to_owned),
            command: Some(command.to_owned()),
        };
        assert_eq!(
            found(r#""a <command-name>/x</command-name> <command-name>/y</command-name>""#),
            command("/x", None)
        );
        let blocks = r#"[{"type":"text","text":"<command-name></command-name>"},
            {"type":"text","text":"<command-name>/y</command-name>"},{"type":"text","text":"go"},
            {"type":"text","text":"<command-name>/z</command-name>"}]"#;
        assert_eq!(found(blocks), command("/y", Some("go")));
        assert_eq!(found(r#""<command-name>/x""#).command, None);
    }

    #[test]
    fn a_long_prompt_is_cut_after_200_characters() {
        let text = |start: usize, rest: &str| prompt(&format!("\"{}{rest}\"", "é".repeat(start)));
        assert_eq!(text(200, "").unwrap(), "é".repeat(200));
        assert_eq!(text(201, "").unwrap(), format!("{}…", "é".repeat(200)));
        assert_eq!(text(190, "          😀x").unwrap(), format!("{}…", "é".repeat(190)));
        assert_eq!(text(199, "😀x").unwrap(), format!("{}😀…", "é".repeat(199)));
    }

    #[test]
    fn odd_messages_have_no_prompt() {
        for message in [
            "",
            "null",
            "\"text\"",
            "[]",
            "{}",
            r#"{"content":1}"#,
            r#"{"content":{"text":"x"}}"#,
        ] {
            assert_eq!(prompt_in(message), PromptParts::default(), "{message}");
        }
    }
}
