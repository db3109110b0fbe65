use std::fmt;
use std::sync::Arc;

use crate::key::SessionKey;

/// Something about a run that must not pass in silence: also a line in the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AgentEvent {
    /// A frame could not be read, and was passed over. Its entries are looked for in the agent's file.
    Malformed {
        /// How many bytes of it there were.
        bytes: usize,
    },
    /// A frame names a file that is no transcript of the agent's; its entries are not mirrored.
    Unmappable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// Entries could not be brought to local disk. They are looked for in the agent's file later.
    Behind {
        /// Of which transcript.
        key: SessionKey,
        /// Why.
        cause: String,
    },
    /// Entries were in the agent's file only, and are on their way now.
    CaughtUp {
        /// Of which transcript.
        key: SessionKey,
        /// How many.
        entries: u64,
    },
    /// The agent's files cannot be read, or not any more as they were.
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        cause: String,
    },
    /// A symbolic link in the place of a transcript, or of a directory that may hold some: what is behind it is not
    /// mirrored.
    Linked {
        /// The link.
        path: String,
    },
    /// The agent was told to keep nothing of its session: there will be nothing to mirror.
    NotKept {
        /// By what.
        by: String,
    },
    /// A directory of a run that has ended stays, for the next start to look at.
    Left {
        /// Where.
        dir: String,
        /// Why.
        cause: String,
    },
}

/// Called with each event as it happens. It must not block.
pub type OnEvent = Arc<dyn Fn(&AgentEvent) + Send + Sync>;

impl fmt::Display for AgentEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { bytes } => write!(f, "a mirror frame of {bytes} bytes is malformed"),
            Self::Unmappable { file, reason } => write!(f, "entries of {file} are not mirrored: {reason}"),
            Self::Behind { key, cause } => write!(f, "entries of {key} are not on local disk yet: {cause}"),
            Self::CaughtUp { key, entries } => {
                write!(
                    f,
                    "{entries} entries of {key} were in the agent's file only, and are taken from there"
                )
            }
            Self::Unreadable { file, cause } => write!(f, "cannot take what is new from {file}: {cause}"),
            Self::Linked { path } => {
                write!(
                    f,
                    "{path} is a symbolic link, which is not followed: what is behind it is not mirrored"
                )
            }
            Self::NotKept { by } => write!(
                f,
                "the agent's settings say to keep nothing of its session, and nothing of it will be mirrored: {by}"
            ),
            Self::Left { dir, cause } => write!(f, "{dir} stays until the next start: {cause}"),
        }
    }
}

/// What a run's mirror counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames that were taken out.
    pub frames: u64,
    /// Entries that were brought to local disk.
    pub entries: u64,
    /// Frames that could not be read.
    pub malformed: u64,
    /// Frames whose file is no transcript.
    pub unmappable: u64,
    /// Entries that were found in the agent's files only.
    pub caught_up: u64,
    /// Turns that the agent's messages said had ended.
    pub turns: u64,
    /// Files, directories, links and lines of the agent's project of which not everything could be taken.
    pub unread: u64,
    /// Runs of which not everything is on local disk.
    pub left: u64,
    /// The agent was told to keep nothing of its session.
    pub is_not_kept: bool,
}

impl Tally {
    /// Whether everything that the agent wrote, as far as could be seen, is on local disk.
    pub fn is_whole(&self) -> bool {
        self.left == 0 && self.unread == 0 && self.unmappable == 0
    }
}
