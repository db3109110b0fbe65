use serde::Serialize;
use serde_json::value::RawValue;

use crate::agent_format::{self, EntryFields, MessagePart, RowKind, metadata};
use crate::transcript::members::string;

/// A message of a conversation, in the words of the agent's own SDK; for people, [`SessionMessage::parts`].
#[derive(Clone, Debug, Serialize)]
pub struct SessionMessage {
    /// Who speaks.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// The entry's uuid.
    pub uuid: String,
    /// The session that the entry names; empty where it names none.
    pub session_id: String,
    /// What the API was sent or has answered: JSON, as it is written there.
    pub message: Option<Box<RawValue>>,
    /// Which call this conversation belongs to.
    #[serde(flatten)]
    pub parents: Parents,
}

/// Who speaks in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// The person, or what answers for tools.
    User,
    /// The model.
    Assistant,
}

/// What started a subagent, as its metadata says; nothing for a main transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Parents {
    /// The tool call that started the subagent.
    pub parent_tool_use_id: Option<String>,
    /// The subagent that made that call, if it was one.
    pub parent_agent_id: Option<String>,
}

impl SessionMessage {
    /// Reads the line of an entry that is a message.
    pub(super) fn read(line: &[u8], parents: &Parents) -> Self {
        let row = EntryFields::read(line).unwrap_or_default();
        let (kind, uuid) = row.link().unwrap_or((RowKind::User, "".into()));
        Self {
            kind: match kind {
                RowKind::Assistant => MessageKind::Assistant,
                _ => MessageKind::User,
            },
            uuid: uuid.into_owned(),
            session_id: string(row.session).unwrap_or_default().into_owned(),
            message: RawValue::from_string(row.message.to_owned()).ok(),
            parents: parents.clone(),
        }
    }

    /// What it says, part by part.
    pub fn parts(&self) -> Vec<MessagePart> {
        agent_format::parts_of(self.message.as_ref().map_or("", |message| message.get()))
    }
}

impl Parents {
    /// Reads the line of a metadata entry.
    pub(super) fn read(line: &[u8]) -> Self {
        let (parent_tool_use_id, parent_agent_id) = metadata::parents(line);
        Self {
            parent_tool_use_id,
            parent_agent_id,
        }
    }
}
