//! What is known of the agent whose transcripts these are: where its files lie and what they hold.
//!
//! Nothing else in the library reads a suffix, a folder, a member or a variable of the agent; messages to people name
//! some. A second agent begins here.
//!
//! | file | what |
//! | --- | --- |
//! | `layout` | the names of files and folders |
//! | `key_to_file`, `file_to_key` | a session key's file, and the key of a file |
//! | `project_key` | the folder in which a directory's transcripts lie |
//! | `walk` | which transcripts and sidecars there are |
//! | `entry`, `timestamp` | the members of an entry: the one reader of them |
//! | `message`, `prompt` | what an entry says to people; what a person wrote first |
//! | `metadata`, `bag` | sidecar files as entries, and back; lines counted, the last such entry apart |
//! | `environment`, `config_dir` | its variables; its account, settings and what the user put beside them |
//! | `command`, `printed` | its options; the frames in what it prints |
//! | `written`, `fork_entries`, `owner` | entries that are added: a title, a tag, those of a fork |

mod bag;
#[cfg(feature = "agent")]
mod command;
mod config_dir;
mod entry;
mod environment;
mod file_to_key;
mod fork_entries;
mod key_to_file;
mod layout;
mod message;
pub mod metadata;
mod owner;
#[cfg(all(feature = "agent", not(fuzzing)))]
pub(crate) mod printed;
// A fuzz target sees only what is public, and wants nothing else of the feature.
#[cfg(fuzzing)]
pub mod printed;
mod project_key;
mod prompt;
mod timestamp;
mod walk;
mod written;

pub(crate) use bag::{Bag, lines_of};
#[cfg(feature = "agent")]
pub(crate) use command::CommandLine;
pub use config_dir::AgentHome;
#[cfg(feature = "agent")]
pub(crate) use entry::is_mirrored;
pub(crate) use entry::{ContentBlock, EntryFields, RowKind, blocks, is_row, is_truthy, parent_of};
#[cfg(feature = "agent")]
pub(crate) use environment::{CONFIG_DIR, MARKERS};
pub use environment::{folder_of, projects_dir};
pub use file_to_key::PathError;
pub(crate) use fork_entries::{ForkLinks, ForkStamp};
pub use key_to_file::{UnsafeKey, UnsafeReason};
pub(crate) use layout::{FileKind, PROJECTS, subagent_id, transcript_of};
#[cfg(feature = "agent")]
pub(crate) use layout::{TRANSCRIPT, sidecar_of};
pub(crate) use message::parts_of;
pub use message::{Message, MessagePart, Speaker};
pub(crate) use owner::Owner;
pub use project_key::{project_key, project_key_named};
pub(crate) use prompt::{is_space, prompt_in};
pub(crate) use walk::{Listing, list_everything};
#[cfg(feature = "agent")]
pub(crate) use walk::{TranscriptFile, list, list_session};
pub(crate) use written::{tag_entry, title_entry};
