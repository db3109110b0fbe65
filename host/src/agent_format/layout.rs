//! The names of the files and folders with transcripts. Those of credentials, settings and memory stand in
//! `config_dir`.
//!
//! | path below the configuration directory | what |
//! | --- | --- |
//! | `projects/<project>/<session>.jsonl` | a main transcript |
//! | `projects/<project>/<session>/subagents/…/<name>.jsonl` | another transcript of the session |
//! | `projects/<project>/<session>/subagents/…/<name>.meta.json` | its sidecar: what is known of the subagent |

use std::path::{Path, PathBuf};

/// The configuration directory below the home directory.
pub(super) const OWN_CONFIG_DIR: &str = ".claude";

/// The folder of the configuration directory in which projects lie.
pub(crate) const PROJECTS: &str = "projects";

/// The folder of a session's folder in which its other transcripts lie.
pub(super) const SUBAGENTS: &str = "subagents";

/// How the name of a transcript's file ends.
pub(crate) const TRANSCRIPT: &str = ".jsonl";

/// How the name of a sidecar file ends.
pub(super) const SIDECAR: &str = ".meta.json";

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    Transcript,
    /// What is known of a subagent, beside its transcript.
    Sidecar,
}

impl FileKind {
    /// `None` if it is neither.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let name = file.as_os_str().as_encoded_bytes();
        if name.ends_with(TRANSCRIPT.as_bytes()) {
            Some(Self::Transcript)
        } else if name.ends_with(SIDECAR.as_bytes()) {
            Some(Self::Sidecar)
        } else {
            None
        }
    }
}

/// The transcript that a file belongs to: the one beside a sidecar, or the file itself.
pub(crate) fn transcript_of(file: &Path) -> PathBuf {
    match FileKind::of(file) {
        // Both ends of the name: `.json`, and then `.meta`.
        Some(FileKind::Sidecar) => file.with_extension("").with_extension("jsonl"),
        _ => file.to_owned(),
    }
}

/// The sidecar beside a transcript, where it has one.
#[cfg(any(test, feature = "agent"))]
pub(crate) fn sidecar_of(transcript: &Path) -> PathBuf {
    transcript.with_extension("meta.json")
}

/// The subagent whose transcript has this subpath: `agent-ID`, however deep under `subagents/`.
pub(crate) fn subagent_id(subpath: &str) -> Option<&str> {
    let below = subpath.strip_prefix(SUBAGENTS)?.strip_prefix('/')?;
    let (_, name) = below.rsplit_once('/').unwrap_or(("", below));
    name.strip_prefix("agent-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_and_its_transcript_name_each_other() {
        for (transcript, sidecar) in [
            ("p/s/subagents/agent-1.jsonl", "p/s/subagents/agent-1.meta.json"),
            ("p/s/subagents/w/agent.x.jsonl", "p/s/subagents/w/agent.x.meta.json"),
        ] {
            let (transcript, sidecar) = (Path::new(transcript), Path::new(sidecar));
            assert_eq!(sidecar_of(transcript), sidecar);
            assert_eq!(transcript_of(sidecar), transcript);
            assert_eq!(transcript_of(transcript), transcript);
            assert_eq!(FileKind::of(transcript), Some(FileKind::Transcript));
            assert_eq!(FileKind::of(sidecar), Some(FileKind::Sidecar));
        }
        assert_eq!(FileKind::of(Path::new("p/s/archived.json")), None);
    }
}
