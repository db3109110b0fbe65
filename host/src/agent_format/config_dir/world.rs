//! What the user has put beside the agent's account: instructions, skills, commands and the like. Without them a
//! resumed agent would be another one.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::Path;

use super::AgentHome;

/// The user's own files and directories. Plugins are not among them: they name places in the directory that they lie
/// in.
const OWN: [&str; 10] = [
    "CLAUDE.md",
    "agents",
    "commands",
    "hooks",
    "keybindings.json",
    "output-styles",
    "rules",
    "skills",
    "themes",
    "workflows",
];

/// More are no instructions: a skill that brings a dependency tree along has some thousand files.
const MOST_FILES: u64 = 20_000;
const MOST_BYTES: u64 = 256 << 20;

/// Deeper, links lead in a circle.
const DEEPEST: u32 = 32;

/// Copies what is there, links followed; what could not be, and why, in one warning.
///
/// Copies, not links: the agent passes over linked files in some of these places, and what it does to its copies is no
/// change to the user's own.
pub(super) fn take_over(home: &AgentHome, into: &Path) -> Option<String> {
    let mut world = World::default();
    for name in OWN {
        if let Err(error) = world.copy(&home.config().join(name), &into.join(name), 0) {
            world.lacking.push(format!("{name} ({error})"));
        }
    }
    (!world.lacking.is_empty()).then(|| {
        let lacking = world.lacking.join(", ");
        format!("the resumed agent does not have everything of the user's own: {lacking}")
    })
}

#[derive(Debug, Default)]
struct World {
    files: u64,
    bytes: u64,
    /// What is not there, and why.
    lacking: Vec<String>,
}

impl World {
    fn copy(&mut self, from: &Path, to: &Path, depth: u32) -> io::Result<()> {
        let metadata = match fs::metadata(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?,
        };
        if metadata.is_dir() && depth < DEEPEST {
            return self.directory(from, to, depth);
        }
        if !metadata.is_file() {
            return Err(io::Error::other("it is neither a file nor a directory, or too deep"));
        }
        self.files += 1;
        self.bytes += metadata.len();
        if self.files > MOST_FILES || self.bytes > MOST_BYTES {
            return Err(io::Error::other("there is too much of it"));
        }
        // With its mode: some of them are programs.
        fs::copy(from, to).map(drop)
    }

    /// What of it cannot be copied costs nothing else.
    fn directory(&mut self, from: &Path, to: &Path, depth: u32) -> io::Result<()> {
        make_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if let Err(error) = self.copy(&entry.path(), &to.join(entry.file_name()), depth + 1) {
                self.lacking.push(format!("{} ({error})", entry.path().display()));
                if self.files > MOST_FILES || self.bytes > MOST_BYTES {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// For its owner alone, and not `private_dirs`: one that is there is not ours.
fn make_dir(dir: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes are a Unix thing"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_is_there_and_what_is_not_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for path in [
            "skills/x/SKILL.md",
            "skills/x/run.sh",
            "commands/c.md",
            "CLAUDE.md",
            "history.jsonl",
        ] {
            let path = at("home/.claude").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        fs::create_dir(at("into")).unwrap();
        let home = AgentHome {
            config_dir: None,
            home: at("home"),
            has_key: true,
        };
        assert_eq!(take_over(&home, &at("into")), None);
        for path in ["skills/x/SKILL.md", "skills/x/run.sh", "commands/c.md", "CLAUDE.md"] {
            assert_eq!(fs::read(at("into").join(path)).unwrap(), b"text", "{path}");
        }
        assert!(!at("into/history.jsonl").exists() && !at("into/rules").exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_circles_end() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("home/.claude/skills")).unwrap();
        fs::create_dir_all(at("repository/x")).unwrap();
        fs::write(at("repository/x/SKILL.md"), "text").unwrap();
        symlink(at("repository/x"), at("home/.claude/skills/x")).unwrap();
        symlink(at("home/.claude/agents"), at("home/.claude/agents")).unwrap();
        symlink(at("home/.claude/skills"), at("home/.claude/skills/again")).unwrap();
        fs::create_dir(at("into")).unwrap();
        let home = AgentHome {
            config_dir: None,
            home: at("home"),
            has_key: true,
        };
        let warning = take_over(&home, &at("into")).unwrap();
        assert!(warning.contains("agents (") && warning.contains("again"), "{warning}");
        assert_eq!(fs::read(at("into/skills/x/SKILL.md")).unwrap(), b"text");
    }
}
