use bytes::Bytes;

use super::super::{AppendFailed, HostError, Transcript};
use super::{Answer, Sessions};
use crate::key::SessionKey;
use crate::session::{ForkRows, Forked};
use crate::spool::{AppendError, Base};
use crate::store::{BATCH_BYTES, BATCH_ENTRIES};

impl Sessions {
    /// Appends an entry to a session that is known: behind what a destination holds of it, so that others that hold
    /// less are brought that first.
    pub(super) async fn add(&self, session: &str, entry: Bytes) -> Answer<()> {
        let key = self.key(session)?;
        let transcript = Transcript::new(self.core.clone(), key.clone());
        match self.held(&key).await {
            Ok(held) => {
                let base = Base {
                    lines: 0,
                    stored: Some(held.value),
                };
                match transcript.begin(base).await {
                    // This host has begun it before.
                    Ok(()) | Err(AppendError::Begun { .. }) => {}
                    Err(error) => return Err(AppendFailed::Local(error).into()),
                }
            }
            Err(_) if self.waits_here(&key) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(transcript.append(&[entry]).await?)
    }

    /// Whether there are entries of a session that are not delivered yet.
    fn waits_here(&self, key: &SessionKey) -> bool {
        let status = self.core.mirror.status();
        let mut streams = status.iter().flat_map(|destination| &destination.streams);
        streams.any(|stream| stream.stream == *key && stream.entries > 0)
    }

    /// Appends a fork, a batch at a time. One that fails on the way is deleted again.
    pub(super) async fn write(&self, mut rows: ForkRows) -> Answer<Forked> {
        let session = rows.session()?;
        let written = self.write_rows(&session, &mut rows).await;
        match written {
            Ok(entries) => Ok(Forked {
                session,
                title: rows.title().to_owned(),
                entries,
            }),
            Err(error) => {
                if let Err(problem) = self.remove(&session) {
                    tracing::error!("half a fork, {session}, cannot be deleted again: {problem}");
                }
                Err(error)
            }
        }
    }

    async fn write_rows(&self, session: &SessionKey, rows: &mut ForkRows) -> Answer<u64> {
        let transcript = Transcript::new(self.core.clone(), session.clone());
        let (mut batch, mut bytes, mut entries) = (Vec::new(), 0, 0);
        while let Some(row) = rows.next().await? {
            if bytes + row.len() > BATCH_BYTES || batch.len() as u64 >= BATCH_ENTRIES {
                transcript.append(&std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
            bytes += row.len();
            entries += 1;
            batch.push(row);
        }
        transcript.append(&batch).await?;
        Ok(entries)
    }

    /// Deletes a session everywhere, now or as soon as a destination can be reached.
    pub(super) fn remove(&self, session: &SessionKey) -> Result<(), HostError> {
        let deleted = self.core.mirror.delete(session, self.core.spool.writer());
        deleted.map_err(HostError::Mirror)
    }
}
