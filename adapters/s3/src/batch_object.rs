//! A batch as an object: its payload is the body, as it came; what it is stands in the object's metadata.

use mirrorbox_adapter::encoding::{decode, encode};
use mirrorbox_adapter::{Batch, Error, Kind, Result};

use crate::bucket::{Metadata, Object};

/// The format of the objects: another number means that only another adapter can read them.
const FORMAT: &str = "1";
const FORMAT_NAME: &str = "mirrorbox";
/// An object has room for 2 KB of metadata.
const MAX_TEXT: usize = 1500;

/// What a batch is, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) writer: String,
    pub(crate) line: u64,
    pub(crate) digest: String,
    pub(crate) bytes: u64,
}

impl Header {
    pub(crate) fn of(batch: &Batch) -> Self {
        Self {
            number: batch.number,
            kind: batch.kind,
            writer: batch.writer.clone(),
            line: batch.line,
            digest: batch.digest.clone(),
            bytes: batch.payload.len() as u64,
        }
    }

    pub(crate) fn into_batch(self, payload: Vec<u8>) -> Batch {
        Batch {
            number: self.number,
            kind: self.kind,
            writer: self.writer,
            line: self.line,
            digest: self.digest,
            payload,
        }
    }

    /// As metadata of an object. Text is percent-encoded: a header carries little more than letters and digits.
    pub(crate) fn to_metadata(&self) -> Result<Metadata> {
        let (writer, digest) = (encode(&self.writer), encode(&self.digest));
        if writer.len() + digest.len() > MAX_TEXT {
            return Err(Error::Rejected(format!(
                "the writer's name and the digest of batch {} do not fit into an object's metadata",
                self.number
            )));
        }
        let metadata = [
            (FORMAT_NAME, FORMAT.to_owned()),
            ("number", self.number.to_string()),
            ("kind", self.kind.name().to_owned()),
            ("writer", writer),
            ("line", self.line.to_string()),
            ("digest", digest),
            ("bytes", self.bytes.to_string()),
        ];
        Ok(metadata.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// What the object in the place of that batch says it is; `url` names it in errors.
    pub(crate) fn from_object(url: &str, number: u64, object: &Object) -> Result<Self> {
        let corrupt = |reason: &str| Error::corrupt(number, number, format!("{url}: {reason}"));
        let text = |name: &str| object.metadata.get(name).map(String::as_str);
        match text(FORMAT_NAME) {
            Some(FORMAT) => {}
            Some(format) => return Err(too_new(url, format)),
            None => return Err(corrupt("another program put this object among the batches")),
        }
        let header = parse(text).ok_or_else(|| corrupt("its metadata is damaged"))?;
        if header.number != number {
            return Err(corrupt("it is another batch, moved or copied here"));
        }
        if header.bytes != object.size {
            return Err(corrupt("its payload is cut short or has grown"));
        }
        Ok(header)
    }
}

fn parse<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Option<Header> {
    Some(Header {
        number: text("number")?.parse().ok()?,
        kind: Kind::from_name(text("kind")?)?,
        // Servers leave out what is empty.
        writer: decode(text("writer").unwrap_or_default())?,
        line: text("line")?.parse().ok()?,
        digest: decode(text("digest").unwrap_or_default())?,
        bytes: text("bytes")?.parse().ok()?,
    })
}

pub(crate) fn too_new(url: &str, format: &str) -> Error {
    Error::Other(format!(
        "{url} has format {format}, and this adapter knows format {FORMAT}: install a newer one"
    ))
}
