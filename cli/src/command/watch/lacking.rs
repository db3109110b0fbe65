//! What following a projects directory does not take, for people.

use mirrorbox::watch::{Figures, NotTaken, OddLines, Unreadable};

use crate::output::count;

/// Whether something in the directory is not taken, and will not be by itself.
pub(crate) fn is_lacking(files: &Figures) -> bool {
    files.unreadable > 0 || files.links > 0 || files.not_taken > 0
}

/// Each of these things, as far as they are named, with its cause; and what was taken although it is odd.
pub(crate) fn lacking(files: &Figures) -> Vec<String> {
    let mut lines = Vec::new();
    let unreadable = files.unreadable_paths.iter();
    lines.extend(unreadable.map(|Unreadable { path, cause }| format!("{} is not read: {cause}", path.display())));
    more(
        &mut lines,
        files.unreadable,
        files.unreadable_paths.len(),
        "folders and files",
    );
    let links = files.link_paths.iter().map(|path| path.display());
    lines.extend(links.map(|path| format!("{path} is a symbolic link, which is not followed")));
    more(&mut lines, files.links, files.link_paths.len(), "links");
    lines.extend(files.not_taken_lines.iter().map(|NotTaken { path, at, bytes }| {
        format!(
            "{}: the line at byte {at} is not taken: it has {bytes} bytes, more than a transcript line can have",
            path.display()
        )
    }));
    more(&mut lines, files.not_taken, files.not_taken_lines.len(), "lines");
    let odd = files.odd_lines.iter().map(|OddLines { stream, lines }| {
        let odd = count(*lines, "line that is no entry", "lines that are no entries");
        format!("{stream}: {odd} taken as they are")
    });
    lines.extend(odd);
    let named: u64 = files.odd_lines.iter().map(|odd| odd.lines).sum();
    if files.odd > named {
        let more = count(files.odd - named, "more such line", "more such lines");
        lines.push(format!("and {more} of other transcripts"));
    }
    lines
}

fn more(lines: &mut Vec<String>, all: u64, named: usize, what: &str) {
    let more = all.saturating_sub(named as u64);
    if more > 0 {
        lines.push(format!("and {more} more {what}"));
    }
}

#[cfg(test)]
mod tests {
    use mirrorbox::key::SessionKey;

    use super::*;

    #[test]
    fn each_is_named_and_what_was_taken_is_no_fault() {
        let mut files = Figures {
            odd: 3,
            odd_lines: vec![OddLines {
                stream: SessionKey::main("-srv", "s").unwrap(),
                lines: 2,
            }],
            ..Figures::default()
        };
        assert!(!is_lacking(&files));
        let said = [
            "-srv/s: 2 lines that are no entries taken as they are",
            "and 1 more such line of other transcripts",
        ];
        assert_eq!(lacking(&files), said);
        files = Figures {
            unreadable: 3,
            unreadable_paths: vec![Unreadable {
                path: "/p/-a".into(),
                cause: "denied".into(),
            }],
            links: 1,
            link_paths: vec!["/p/-b/s.jsonl".into()],
            not_taken: 1,
            not_taken_lines: vec![NotTaken {
                path: "/p/-c/s.jsonl".into(),
                at: 7,
                bytes: 200_000_000,
            }],
            ..Figures::default()
        };
        assert!(is_lacking(&files));
        let said = lacking(&files);
        assert_eq!(said[0], "/p/-a is not read: denied");
        assert_eq!(said[1], "and 2 more folders and files");
        assert!(
            said[2].contains("/p/-b/s.jsonl") && said[3].contains("byte 7"),
            "{said:?}"
        );
    }
}
