//! What a store in another language answers, read: anything that the contract does not allow is an error that says so.

use std::time::Duration;

use bytes::Bytes;
use mirrorbox::store::{Batch, Digest, Kind, Origin, Page, StoreError, StoredSession, Summary};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) json: String,
    /// Of the batches in it, in their order.
    pub(crate) payloads: Vec<Bytes>,
}

/// A batch without its payload.
#[derive(Deserialize)]
struct Head {
    number: u64,
    kind: String,
    writer: String,
    line: u64,
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Batches(Vec<Head>);

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    session: String,
    modified: u64,
    last: u64,
    summary: Option<Through>,
}

#[derive(Deserialize)]
struct Through {
    through: u64,
    json: String,
}

/// An error, as the other language says it.
#[derive(Deserialize)]
struct Failed {
    /// As `wit/adapter.wit` has it, or `contract`.
    error: String,
    #[serde(default)]
    text: String,
    /// To wait.
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    first: u64,
    #[serde(default)]
    last: u64,
}

const KINDS: [Kind; 3] = [Kind::Entries, Kind::Claim, Kind::Tombstone];

/// A batch as JSON, without its payload.
pub(crate) fn batch(batch: &Batch) -> Value {
    json!({
        "number": batch.number,
        "kind": batch.kind.name(),
        "writer": batch.origin.writer,
        "line": batch.origin.line,
        "digest": batch.digest,
    })
}

impl Answer {
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(&self.json).map_err(|error| StoreError::Contract(error.to_string()))
    }

    pub(crate) fn nothing(&self) -> Result<(), StoreError> {
        self.read()
    }

    pub(crate) fn names(&self) -> Result<Page<String>, StoreError> {
        let Items { items, next } = self.read()?;
        Ok(Page { items, next })
    }

    pub(crate) fn session(&self) -> Result<Option<StoredSession>, StoreError> {
        let row: Option<Row> = self.read()?;
        Ok(row.map(Row::into_session))
    }
}

pub(crate) fn sessions(answer: &Answer) -> Result<Page<StoredSession>, StoreError> {
    let Items { items, next } = answer.read::<Items<Row>>()?;
    let items = items.into_iter().map(Row::into_session).collect();
    Ok(Page { items, next })
}

impl Batches {
    pub(crate) fn with(self, payloads: Vec<Bytes>) -> Result<Vec<Batch>, StoreError> {
        if self.0.len() != payloads.len() {
            return Err(StoreError::Contract("a batch has no payload".to_owned()));
        }
        let batches = self.0.into_iter().zip(payloads);
        batches.map(|(head, payload)| head.with(payload)).collect()
    }
}

impl Head {
    fn with(self, payload: Bytes) -> Result<Batch, StoreError> {
        let kind = KINDS.into_iter().find(|kind| kind.name() == self.kind);
        let kind = kind.ok_or_else(|| StoreError::Contract(format!("no batch is of the kind {:?}", self.kind)))?;
        let origin = Origin {
            writer: self.writer,
            line: self.line,
        };
        Ok(Batch {
            number: self.number,
            kind,
            origin,
            digest: self.digest,
            payload,
        })
    }
}

impl Row {
    fn into_session(self) -> StoredSession {
        let summary = self.summary.map(|Through { through, json }| Summary { through, json });
        StoredSession {
            session_id: self.session,
            modified: self.modified,
            last: self.last,
            summary,
        }
    }
}

/// The error that the other language says.
pub(crate) fn error(json: &str) -> StoreError {
    let failed: Failed = match serde_json::from_str(json) {
        Ok(failed) => failed,
        Err(error) => return StoreError::Contract(format!("an error that cannot be read: {error}")),
    };
    let Failed {
        text,
        seconds,
        first,
        last,
        ..
    } = failed;
    match &*failed.error {
        "unavailable" => StoreError::Unavailable(text),
        "throttled" => StoreError::Throttled(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        "denied" => StoreError::Denied(text),
        "misconfigured" => StoreError::Misconfigured(text),
        "conflict" => StoreError::Conflict,
        "rejected" => StoreError::Rejected(text),
        "corrupt" => StoreError::Corrupt {
            first,
            last,
            reason: text,
        },
        "unsupported" => StoreError::Unsupported,
        "contract" => StoreError::Contract(text),
        _ => StoreError::Other(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str, payloads: &[&'static str]) -> Answer {
        let payloads = payloads
            .iter()
            .map(|payload| Bytes::from_static(payload.as_bytes()))
            .collect();
        let json = json.to_owned();
        Answer { json, payloads }
    }

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let digest = "ab".repeat(32).parse().unwrap();
        let origin = Origin {
            writer: "w".into(),
            line: 7,
        };
        let written = Batch {
            number: 3,
            kind: Kind::Claim,
            origin,
            digest,
            payload: Bytes::from_static(b"{}\n"),
        };
        let answer = answer(&json!([batch(&written)]).to_string(), &["{}\n"]);
        let read = answer.read::<Batches>().unwrap().with(answer.payloads).unwrap();
        assert_eq!(read, [written]);
    }

    #[test]
    fn what_the_contract_does_not_allow_is_said() {
        let head = json!({"number": 1, "kind": "entries", "writer": "w", "line": 1, "digest": "ab".repeat(32)});
        let mut other = head.clone();
        other["kind"] = "else".into();
        for (json, payloads) in [(json!([head]), &[][..]), (json!([other]), &["{}\n"][..])] {
            let answer = answer(&json.to_string(), payloads);
            let read = answer.read::<Batches>().unwrap().with(answer.payloads);
            assert!(matches!(read, Err(StoreError::Contract(_))), "{read:?}");
        }
        for json in ["", "1", "[]", "{\"items\":[1]}"] {
            assert!(
                matches!(answer(json, &[]).names(), Err(StoreError::Contract(_))),
                "{json}"
            );
        }
        assert!(matches!(answer("7", &[]).nothing(), Err(StoreError::Contract(_))));
        assert!(matches!(error("conflict"), StoreError::Contract(_)));
    }

    #[test]
    fn errors_are_those_of_the_contract() {
        assert_eq!(error(r#"{"error":"conflict"}"#), StoreError::Conflict);
        let throttled = StoreError::Throttled(Duration::from_millis(1500));
        assert_eq!(error(r#"{"error":"throttled","seconds":1.5}"#), throttled);
        assert_eq!(
            error(r#"{"error":"KeyError","text":"x"}"#),
            StoreError::Other("x".into())
        );
    }
}
