//! A cover: one object in place of many. Its first line is an index in JSON, which says of each batch what a batch's
//! metadata says; the payloads follow, one behind the other.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use mirrorbox_adapter::{Batch, Error, Kind, Result, SessionKey};
use serde::{Deserialize, Serialize};

use crate::batch_object::{self, Header};
use crate::bucket::{Bucket, Metadata};

const FORMAT: u32 = 1;
/// In an object's metadata: where its payloads begin.
const INDEX_BYTES: &str = "index-bytes";
/// Read at first: enough for the index of some hundred batches.
const FIRST_READ: u64 = 64 << 10;
/// No index is longer: [`crate::compact`] puts a thousand batches into a cover at most.
const MAX_INDEX: u64 = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Index<'a> {
    mirrorbox: u32,
    project: Cow<'a, str>,
    session: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subpath: Option<Cow<'a, str>>,
    batches: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry<'a> {
    number: u64,
    kind: Cow<'a, str>,
    writer: Cow<'a, str>,
    line: u64,
    digest: Cow<'a, str>,
    bytes: u64,
}

/// A cover in a listing.
#[derive(Clone, Debug)]
pub(crate) struct Cover {
    pub(crate) numbers: RangeInclusive<u64>,
    pub(crate) key: String,
    pub(crate) size: u64,
    /// Unix milliseconds, by the server's clock.
    pub(crate) modified: i64,
}

/// A cover whose index was read.
#[derive(Debug)]
pub(crate) struct OpenCover<'a> {
    bucket: &'a Bucket,
    cover: &'a Cover,
    headers: Vec<Header>,
    /// Where the payloads begin.
    start: u64,
}

/// The bytes of a cover of these batches, which follow one another, and its metadata. `payloads` becomes the body.
pub(crate) fn write(key: &SessionKey, headers: &[Header], mut payloads: Vec<u8>) -> Result<(Metadata, Vec<u8>)> {
    let index = Index {
        mirrorbox: FORMAT,
        project: key.project_key.as_str().into(),
        session: key.session_id.as_str().into(),
        subpath: key.subpath.as_deref().map(Into::into),
        batches: headers.iter().map(Entry::of).collect(),
    };
    let mut line = serde_json::to_vec(&index).map_err(|error| Error::Other(error.to_string()))?;
    line.push(b'\n');
    let metadata = [
        ("mirrorbox".to_owned(), FORMAT.to_string()),
        (INDEX_BYTES.to_owned(), line.len().to_string()),
    ];
    payloads.splice(..0, line);
    Ok((metadata.into(), payloads))
}

impl Cover {
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.numbers.contains(&number)
    }

    /// Reads the index; none if the cover was removed.
    pub(crate) async fn open<'a>(&'a self, bucket: &'a Bucket, key: &SessionKey) -> Result<Option<OpenCover<'a>>> {
        let first = self.size.min(FIRST_READ);
        if first == 0 {
            return Err(self.corrupt(bucket, "it is empty"));
        }
        let Some((object, mut bytes)) = bucket.get(&self.key, Some(0..first)).await? else {
            return Ok(None);
        };
        let start = object.metadata.get(INDEX_BYTES).and_then(|bytes| bytes.parse().ok());
        let Some(start) = start.filter(|start| *start <= self.size.min(MAX_INDEX)) else {
            return Err(self.corrupt(
                bucket,
                "another program put this object among the compacted ones, or cut it",
            ));
        };
        if start > first {
            match bucket.get(&self.key, Some(first..start)).await? {
                Some((_, more)) => bytes.extend(more),
                None => return Ok(None),
            }
        }
        bytes.truncate(usize::try_from(start).unwrap_or(usize::MAX));
        let headers = self.parse(bucket, key, &bytes, start)?;
        Ok(Some(OpenCover {
            bucket,
            cover: self,
            headers,
            start,
        }))
    }

    fn parse(&self, bucket: &Bucket, key: &SessionKey, line: &[u8], start: u64) -> Result<Vec<Header>> {
        let damaged = |reason| self.corrupt(bucket, reason);
        let index: Index<'_> = serde_json::from_slice(line).map_err(|_| damaged("its first line is not an index"))?;
        if index.mirrorbox != FORMAT {
            return Err(batch_object::too_new(
                &bucket.url(&self.key),
                &index.mirrorbox.to_string(),
            ));
        }
        if !index.is_of(key) {
            return Err(damaged("it is another transcript's, moved or copied here"));
        }
        let headers: Option<Vec<_>> = index.batches.into_iter().map(Entry::into_header).collect();
        let headers = headers.ok_or_else(|| damaged("a kind in its index is unknown"))?;
        if !headers.iter().map(|header| header.number).eq(self.numbers.clone()) {
            return Err(damaged("its index does not hold what its name says"));
        }
        let bytes = headers
            .iter()
            .try_fold(start, |sum, header| sum.checked_add(header.bytes));
        if bytes != Some(self.size) {
            return Err(damaged("its payloads are cut short or have grown"));
        }
        Ok(headers)
    }

    fn corrupt(&self, bucket: &Bucket, reason: &str) -> Error {
        let reason = format!("{}: {reason}", bucket.url(&self.key));
        Error::corrupt(*self.numbers.start(), *self.numbers.end(), reason)
    }
}

impl OpenCover<'_> {
    /// Whether the batch of that number is this one.
    pub(crate) fn has(&self, number: u64, digest: &str) -> bool {
        self.headers
            .iter()
            .any(|header| header.number == number && header.digest == digest)
    }

    /// The batches from that number on, until `max_bytes` are reached; none if the cover was removed.
    pub(crate) async fn read(self, from: u64, max_bytes: u64) -> Result<Option<Vec<Batch>>> {
        let (range, headers) = self.cut(from, max_bytes);
        let mut payloads = Vec::new();
        if !range.is_empty() {
            match self.bucket.get(&self.cover.key, Some(range)).await? {
                Some((_, bytes)) => payloads = bytes,
                None => return Ok(None),
            }
        }
        let mut rest = payloads.as_slice();
        let mut batches = Vec::with_capacity(headers.len());
        for header in headers {
            let bytes = usize::try_from(header.bytes).unwrap_or(usize::MAX);
            let Some((payload, behind)) = rest.split_at_checked(bytes) else {
                return Err(self.cover.corrupt(self.bucket, "its payloads are cut short"));
            };
            batches.push(header.into_batch(payload.to_vec()));
            rest = behind;
        }
        Ok(Some(batches))
    }

    /// Where the payloads of these batches stand.
    fn cut(&self, from: u64, max_bytes: u64) -> (Range<u64>, Vec<Header>) {
        let mut range = self.start..self.start;
        let mut cut = Vec::new();
        for header in &self.headers {
            if header.number < from {
                range.start += header.bytes;
                range.end = range.start;
            } else if cut.is_empty() || range.end - range.start < max_bytes {
                range.end += header.bytes;
                cut.push(header.clone());
            }
        }
        (range, cut)
    }
}

impl Index<'_> {
    fn is_of(&self, key: &SessionKey) -> bool {
        self.project == key.project_key
            && self.session == key.session_id
            && self.subpath.as_deref() == key.subpath.as_deref()
    }
}

impl<'a> Entry<'a> {
    fn of(header: &'a Header) -> Self {
        Self {
            number: header.number,
            kind: header.kind.name().into(),
            writer: header.writer.as_str().into(),
            line: header.line,
            digest: header.digest.as_str().into(),
            bytes: header.bytes,
        }
    }

    fn into_header(self) -> Option<Header> {
        Some(Header {
            number: self.number,
            kind: Kind::from_name(&self.kind)?,
            writer: self.writer.into_owned(),
            line: self.line,
            digest: self.digest.into_owned(),
            bytes: self.bytes,
        })
    }
}
