use std::time::Duration;

use super::{Batch, Store, StoreError};
use crate::key::SessionKey;

/// Between two pieces, for others' calls; and so that a store which answers at once that there is more, for ever, costs
/// little.
const PAUSE: Duration = Duration::from_millis(100);

/// What a call of [`Store::delete`] came to. Either way the tombstone stands: nobody sees what it hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Nothing is left of what it hides.
    Whole,
    /// The same call removes more.
    Piece,
}

impl Removal {
    /// Makes one call.
    pub(crate) async fn of(store: &dyn Store, key: &SessionKey, tombstone: &Batch) -> Result<Self, StoreError> {
        match store.delete(key, tombstone).await {
            Ok(()) => Ok(Self::Whole),
            Err(StoreError::Throttled(asked)) if asked.is_zero() => {
                tokio::time::sleep(PAUSE).await;
                Ok(Self::Piece)
            }
            Err(error) => Err(error),
        }
    }
}
