//! `cargo xtask demo`: what Mirrorbox is for, on made-up transcripts, with figures measured on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

mod comparison;
mod figures;
mod measured;

use crate::build::{self, Profile};
use crate::workspace::Workspace;
use crate::{process, set_up};
use comparison::Tree;
use figures::DemoFigures;
use measured::Measured;

/// How much of a long answer is shown: lines, and characters of each.
const LINES_SHOWN: usize = 16;
const WIDTH_SHOWN: usize = 118;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many bytes of transcripts, about
    #[arg(long, default_value_t = 100_000_000)]
    bytes: u64,
    /// How many sessions
    #[arg(long, default_value_t = 40)]
    sessions: u64,
    /// The same seed gives the same transcripts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measure the release binary; the default is the dev profile, which `cargo xtask test` builds too
    #[arg(long)]
    release: bool,
}

/// Tells the story and prints the figures; leaves nothing behind unless something fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    set_up(workspace)?;
    build::adapters(workspace)?;
    let profile = if options.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let binary = build::binary(workspace, profile)?;
    process::run(build::cargo_build(workspace, profile).args(["--quiet", "--bin", "make-transcripts"]))?;

    let folder = workspace.target.join(format!("demo-{}", std::process::id()));
    let stage = Stage {
        workspace,
        options,
        profile,
        binary,
        folder: folder.clone(),
    };
    let figures = stage
        .play()
        .with_context(|| format!("the demo failed; what it made is in {}", folder.display()))?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    println!("\n{figures}");
    Ok(())
}

/// Where the story takes place.
#[derive(Debug)]
struct Stage<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    profile: Profile,
    binary: PathBuf,
    folder: PathBuf,
}

impl Stage<'_> {
    fn play(&self) -> Result<DemoFigures> {
        let (local, restored) = (self.folder.join("agent/projects"), self.folder.join("restored"));

        say("Transcripts of an agent, made up for this:");
        self.make_transcripts(&local)?;
        let tree = Tree::of(&local)?;
        println!("  {} in {}", tree.summary(), local.display());

        say("A configuration: the adapter is a WebAssembly component that may touch one folder and nothing else.");
        let store = self.folder.join("store");
        self.shown(&["init", "--store"], Some(&store))?;
        let idle = self.shown(&["adapters"], None)?;

        say("Everything goes into the store, through the sandbox.");
        let import = self.measured(&["import", "--projects-dir"], Some(&local))?;
        self.shown(&["sessions"], None)?;
        self.shown(&["show", tree.first_session()?], None)?;

        say("The local copy is thrown away. The store is all there is.");
        fs::remove_dir_all(&local).context("cannot remove the local copy")?;
        let restore = self.measured(&["restore", "--all", "--into"], Some(&restored))?;

        say("The same transcripts are made once more, and every restored file is compared with its original.");
        self.make_transcripts(&local)?;
        tree.must_equal(&local, &restored.join("projects"))?;
        println!("  {}: equal, byte for byte", tree.summary());
        let verify = self.measured(&["verify", "--projects-dir"], Some(&local))?;

        Ok(DemoFigures {
            profile: self.profile.name(),
            tree,
            idle,
            import,
            restore,
            verify,
        })
    }

    fn make_transcripts(&self, into: &Path) -> Result<()> {
        let mut make = Command::new(self.binary.with_file_name("make-transcripts"));
        let Options {
            bytes, sessions, seed, ..
        } = self.options;
        make.arg("--into").arg(into);
        make.arg("--bytes")
            .arg(bytes.to_string())
            .arg("--sessions")
            .arg(sessions.to_string());
        make.arg("--seed").arg(seed.to_string());
        process::output(&mut make).map(drop)
    }

    /// Runs `mirrorbox` and shows the beginning of what it answers.
    fn shown(&self, arguments: &[&str], path: Option<&Path>) -> Result<Measured> {
        let answer = self.folder.join("answer");
        let mut command = self.mirrorbox(arguments, path);
        command.stdout(fs::File::create(&answer)?);
        let measured = measured::run(&mut command)?;
        let answer = String::from_utf8_lossy(&fs::read(&answer)?).into_owned();
        let mut lines = answer.lines();
        lines
            .by_ref()
            .take(LINES_SHOWN)
            .for_each(|line| println!("  {}", beginning(line)));
        match lines.count() {
            0 => {}
            more => println!("  … {more} more lines"),
        }
        Ok(measured)
    }

    /// Runs `mirrorbox`, whose progress and answer go to the terminal.
    fn measured(&self, arguments: &[&str], path: Option<&Path>) -> Result<Measured> {
        measured::run(&mut self.mirrorbox(arguments, path))
    }

    fn mirrorbox(&self, arguments: &[&str], path: Option<&Path>) -> Command {
        let path = path.map(|path| path.to_string_lossy().into_owned());
        let words = [arguments, path.as_deref().as_slice()].concat();
        println!("\n$ mirrorbox {}", words.join(" "));
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(self.folder.join("config"))
            .arg("--state")
            .arg(self.folder.join("state"));
        command.args(words);
        // Settings of the person who runs this are not part of the story.
        command.env_remove("MIRRORBOX_CONFIG").current_dir(&self.workspace.root);
        command
    }
}

/// A line, or as much of it as fits a terminal.
fn beginning(line: &str) -> String {
    match line.char_indices().nth(WIDTH_SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}

fn say(line: &str) {
    println!("\n{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_characters() {
        assert_eq!(beginning("über"), "über");
        let cut = beginning(&"ü".repeat(WIDTH_SHOWN + 1));
        assert_eq!(cut, format!("{}…", "ü".repeat(WIDTH_SHOWN)));
    }
}
