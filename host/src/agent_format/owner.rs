//! Whose a session is, where that restricts what may become of it.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::transcript::members::quoted;

/// The restriction that a fork must not lose.
const RESTRICTED: &str = "ldr";

/// Whose a session is, where that restricts what may become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    account: Option<String>,
    organization: Option<String>,
}

/// The row that says so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerRow {
    r#type: String,
    account_uuid: Option<String>,
    organization_uuid: Option<String>,
    restricted: Vec<Value>,
}

impl Owner {
    /// What a line says of the owner of a restricted session; none for every other line.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        const TYPE: &str = "session-owner";
        // Most lines need not be parsed.
        memmem::find(line, TYPE.as_bytes())?;
        // What is no such row is another row, whatever it holds.
        let row: OwnerRow = serde_json::from_slice(line).ok()?;
        let is_restricted = row.restricted.iter().any(|restriction| restriction == RESTRICTED);
        (row.r#type == TYPE && is_restricted).then_some(Self {
            account: row.account_uuid,
            organization: row.organization_uuid,
        })
    }

    /// The row for another session of the same owner's.
    pub(crate) fn row(&self, session: &str) -> Bytes {
        let mut row = format!("{{\"type\":\"session-owner\",\"sessionId\":{}", quoted(session));
        for (name, value) in [("accountUuid", &self.account), ("organizationUuid", &self.organization)] {
            if let Some(value) = value {
                row.push_str(&format!(",\"{name}\":{}", quoted(value)));
            }
        }
        row.push_str(&format!(",\"restricted\":[{}]}}", quoted(RESTRICTED)));
        row.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restriction_is_taken_over_and_nothing_else_of_the_row() {
        let owner = |line: &str| Owner::read(line.as_bytes()).map(|owner| owner.row("new"));
        let row = r#"{"type":"session-owner","sessionId":"old","accountUuid":"a","organizationUuid":"o","restricted":["x","ldr"],"n":1}"#;
        let expected = r#"{"type":"session-owner","sessionId":"new","accountUuid":"a","organizationUuid":"o","restricted":["ldr"]}"#;
        assert_eq!(owner(row).unwrap(), expected);
        let without = r#"{"type":"session-owner","sessionId":"new","accountUuid":"a","restricted":["ldr"]}"#;
        assert_eq!(owner(&without.replace("new", "old")).unwrap(), without);
        for other in [
            r#"{"type":"session-owner","accountUuid":"a","restricted":["x"]}"#,
            r#"{"type":"user","text":"session-owner","accountUuid":"a","restricted":["ldr"]}"#,
            "session-owner",
        ] {
            assert_eq!(owner(other), None, "{other}");
        }
    }
}
