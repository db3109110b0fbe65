use arbitrary::Arbitrary;
use async_trait::async_trait;
use mirrorbox::key::SessionKey;
use mirrorbox::store::{Batch, Kind, Page, Position, Store, StoreError, StoreInfo, StoredSession, Summary};

/// What may become of stored batches; places are counted around the end.
#[derive(Arbitrary, Debug)]
pub enum Damage {
    Lost(u8),
    Cut(u8),
    Swapped(u8, u8),
    Doubled(u8, u8),
    Number(u8, u64),
    Line(u8, u64),
    Writer(u8, String),
    Kind(u8, bool),
    Byte(u8, u16, u8),
    Payload(u8, Vec<u8>),
    Digest(u8, u8),
}

impl Damage {
    pub fn to(&self, batches: &mut Vec<Batch>) {
        let count = batches.len();
        if count == 0 {
            return;
        }
        let at = |place: &u8| usize::from(*place) % count;
        match self {
            Self::Lost(place) => drop(batches.remove(at(place))),
            Self::Cut(place) => batches.truncate(at(place)),
            Self::Swapped(one, other) => batches.swap(at(one), at(other)),
            Self::Doubled(one, other) => batches.insert(at(other), batches[at(one)].clone()),
            Self::Number(place, number) => batches[at(place)].number = *number,
            Self::Line(place, line) => batches[at(place)].origin.line = *line,
            Self::Writer(place, writer) => batches[at(place)].origin.writer.clone_from(writer),
            Self::Kind(place, is_claim) => {
                batches[at(place)].kind = if *is_claim { Kind::Claim } else { Kind::Tombstone };
            }
            Self::Byte(place, byte, new) => {
                let mut payload = batches[at(place)].payload.to_vec();
                if let Some(byte) = payload.get_mut(usize::from(*byte)) {
                    *byte = *new;
                }
                batches[at(place)].payload = payload.into();
            }
            Self::Payload(place, payload) => batches[at(place)].payload = payload.clone().into(),
            Self::Digest(one, other) => batches[at(one)].digest = batches[at(other)].digest,
        }
    }
}

/// Gives what it has, whatever became of it; its listing remembers how much there was.
#[derive(Debug)]
pub struct Damaged {
    batches: Vec<Batch>,
    last: u64,
}

impl Damaged {
    pub fn new(batches: Vec<Batch>, last: u64) -> Self {
        Self { batches, last }
    }
}

fn unasked<T>() -> Result<T, StoreError> {
    Err(StoreError::Other("nobody asks for this".into()))
}

#[async_trait]
impl Store for Damaged {
    fn info(&self) -> StoreInfo {
        let mut info = StoreInfo::default();
        info.capabilities.listing = true;
        info
    }

    async fn load(&self, _key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>, StoreError> {
        let mut room = max_bytes as usize;
        let mut page = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.number > after) {
            page.push(batch.clone());
            match room.checked_sub(batch.payload.len()) {
                Some(left) if left > 0 => room = left,
                _ => break,
            }
        }
        Ok(page)
    }

    async fn find_session(&self, _project: &str, session: &str) -> Result<Option<StoredSession>, StoreError> {
        Ok((self.last > 0).then(|| StoredSession {
            session_id: session.to_owned(),
            modified: 0,
            last: self.last,
            summary: Some(Summary {
                through: self.last,
                json: "{}".into(),
            }),
        }))
    }

    async fn append(&self, _: &SessionKey, _: &Batch, _: Option<&Summary>) -> Result<(), StoreError> {
        unasked()
    }

    async fn end(&self, _: &SessionKey) -> Result<Option<Position>, StoreError> {
        Ok(self.batches.last().map(Batch::position))
    }

    async fn list_subkeys(&self, _: &str, _: &str, _: Option<&str>, _: u32) -> Result<Page<String>, StoreError> {
        unasked()
    }

    async fn list_projects(&self, _: Option<&str>, _: u32) -> Result<Page<String>, StoreError> {
        unasked()
    }

    async fn list_sessions(&self, _: &str, _: Option<&str>, _: u32) -> Result<Page<StoredSession>, StoreError> {
        unasked()
    }

    async fn delete(&self, _: &SessionKey, _: &Batch) -> Result<(), StoreError> {
        unasked()
    }

    async fn compact(&self, _: &SessionKey, _: u64) -> Result<(), StoreError> {
        unasked()
    }
}
