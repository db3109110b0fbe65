//! The entries that people's commands add to a session, and whether there is such a session.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::SessionError;
use super::delete::{end, tombstone_at};
use crate::agent_format::{self, is_space};
use crate::key::SessionKey;
use crate::store::{Position, Store};

/// How often what is left of a tag is looked through again: taking something out can bring something else together.
const ROUNDS: usize = 10;

/// The entry that gives a session a title. White space around it goes.
pub(crate) fn rename(session: &str, title: &str) -> Result<Bytes, SessionError> {
    match trimmed(title) {
        "" => Err(SessionError::Empty { of: "title" }),
        title => Ok(agent_format::title_entry(session, title, &now())),
    }
}

/// The entry that tags a session; without a tag, the one that takes its tag away. What cannot be seen in a tag goes.
pub(crate) fn tag(session: &str, tag: Option<&str>) -> Result<Bytes, SessionError> {
    let tag = match tag.map(visible) {
        Some(tag) if tag.is_empty() => return Err(SessionError::Empty { of: "tag" }),
        tag => tag.unwrap_or_default(),
    };
    Ok(agent_format::tag_entry(session, &tag, &now()))
}

/// Now, as entries say it.
pub(super) fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The text in its compatible composed form, without characters that only format, that are private or that are none.
fn visible(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let shown: String = text.nfkc().filter(|char| !is_hidden(*char)).collect();
        if shown == text {
            break;
        }
        text = shown;
    }
    trimmed(&text).to_owned()
}

fn is_hidden(char: char) -> bool {
    matches!(
        char.general_category(),
        GeneralCategory::Format | GeneralCategory::PrivateUse | GeneralCategory::Unassigned
    )
}

/// Where the main transcript of a session ends; none where nothing of it is stored, or it was deleted.
pub(crate) async fn stored_end(store: Arc<dyn Store>, session: &SessionKey) -> Result<Option<Position>, SessionError> {
    stream_end(store, &session.to_main()).await
}

/// The same of one transcript.
async fn stream_end(store: Arc<dyn Store>, key: &SessionKey) -> Result<Option<Position>, SessionError> {
    let failed = || SessionError::store("look for the session");
    let Some(last) = end(&*store, key).await.map_err(failed())? else {
        return Ok(None);
    };
    match tombstone_at(&*store, key, last).await {
        Ok(Some(_)) => Ok(None),
        Ok(None) => Ok(Some(last)),
        Err(error) => Err(SessionError::Stream(Box::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::session::delete;
    use crate::session::fixture::{append, lines, main_key};
    use crate::store::MemoryStore;

    fn read(row: &Bytes) -> Value {
        serde_json::from_slice(row).unwrap()
    }

    #[test]
    fn a_title_is_an_entry_with_the_agents_members() {
        let row = read(&rename("s", " \u{1c}The \"build\"\n").unwrap());
        assert_eq!(
            (&row["type"], &row["customTitle"]),
            (&json!("custom-title"), &json!("The \"build\""))
        );
        assert_eq!(row["sessionId"], "s");
        assert!(crate::summary::time_of(row.to_string().as_bytes()).is_some());
        assert!(Uuid::parse_str(row["uuid"].as_str().unwrap()).is_ok());
        for title in ["", " \n\u{1f}"] {
            assert!(matches!(rename("s", title), Err(SessionError::Empty { of: "title" })));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_no_tag() {
        let tagged = |text| tag("s", text).map(|row| read(&row)["tag"].clone());
        assert_eq!(tagged(Some(" la\u{200b}ter\u{202e} \u{feff}")).unwrap(), "later");
        assert_eq!(
            tagged(Some("\u{fb01}x\u{e000}\u{378}\u{1f600}")).unwrap(),
            "fix\u{1f600}"
        );
        assert_eq!(tagged(None).unwrap(), "");
        for text in ["", " ", "\u{200b}\u{e000}"] {
            assert!(
                matches!(tagged(Some(text)), Err(SessionError::Empty { of: "tag" })),
                "{text:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_deleted_session_is_not_stored() {
        let store = Arc::new(MemoryStore::new());
        assert_eq!(stored_end(store.clone(), &main_key()).await.unwrap(), None);
        let batch = append(&*store, &main_key(), lines(0, 1)).await;
        let end = stored_end(store.clone(), &main_key()).await.unwrap();
        assert_eq!(end, Some(batch.position()));
        delete(store.clone(), &main_key()).await.unwrap();
        assert_eq!(stored_end(store, &main_key()).await.unwrap(), None);
    }
}
