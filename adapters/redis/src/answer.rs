//! What the server answers, as the contract's words.

use std::fmt::Display;

use mirrorbox_adapter::{Batch, Error, Kind, Result};
use redis::{Value, from_redis_value};

/// An answer that no server that is Redis would give.
pub(crate) fn unexpected(what: impl Display) -> Error {
    Error::Other(format!(
        "the server answered in a way that cannot be understood: {what}"
    ))
}

/// A number, or 0 where nothing is stored.
pub(crate) fn number(value: Option<String>) -> Result<u64> {
    value.map_or(Ok(0), |text| text.parse().map_err(unexpected))
}

/// An entry of a Redis stream: a batch, whose payload may have been left out.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) batch: Batch,
    /// The size of a payload that is not in the batch.
    pub(crate) left_out: Option<usize>,
}

/// Reads an entry. `expected` is the number that must come now.
pub(crate) fn entry(entry: Value, expected: u64) -> Result<Entry> {
    let Value::Array(entry) = entry else {
        return Err(unexpected("an entry is no array"));
    };
    let [id, fields] = <[Value; 2]>::try_from(entry).map_err(|_| unexpected("an entry has not two parts"))?;
    let id: String = from_redis_value(id).map_err(unexpected)?;
    let number = id.strip_suffix("-0").and_then(|number| number.parse().ok());
    let number: u64 = number.ok_or_else(|| Error::corrupt(expected, expected, format!("an entry has the id {id}")))?;
    if number != expected {
        let last = number.saturating_sub(1).max(expected);
        return Err(Error::corrupt(
            expected,
            last,
            "missing, although later batches are there",
        ));
    }
    fields_of(fields, number)
        .ok_or_else(|| Error::corrupt(number, number, "the entry's fields are not those of a batch"))
}

fn fields_of(fields: Value, number: u64) -> Option<Entry> {
    let Value::Array(fields) = fields else { return None };
    let mut values = <[Value; 10]>::try_from(fields).ok()?.into_iter();
    let mut field = |name: &str| match values.next()? {
        Value::BulkString(stored) if stored == name.as_bytes() => values.next(),
        _ => None,
    };
    let text = |value: Value| from_redis_value::<String>(value).ok();
    let (kind, writer, line, digest) = (field("kind")?, field("writer")?, field("line")?, field("digest")?);
    let (payload, left_out) = match field("payload")? {
        Value::BulkString(payload) => (payload, None),
        Value::Int(size) => (Vec::new(), Some(usize::try_from(size).ok()?)),
        _ => return None,
    };
    Some(Entry {
        batch: Batch {
            number,
            kind: Kind::from_name(&text(kind)?)?,
            writer: text(writer)?,
            line: text(line)?.parse().ok()?,
            digest: text(digest)?,
            payload,
        },
        left_out,
    })
}
