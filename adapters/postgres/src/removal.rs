//! Removing what tombstones hide: in pieces by the calls that delete, and later what processes left that died.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mirrorbox_adapter::{Piece, Result, log};
use tokio_postgres::types::Type;

use crate::Postgres;
use crate::database::Parameter;
use crate::stream::get;

/// Rows that a first transaction removes; later ones remove more while the server is quick. One that removed a whole
/// long session at once would run into its time limit.
const FIRST_ROWS: i64 = 1_000;
const MOST_ROWS: i64 = 64_000;
const QUICK: Duration = Duration::from_millis(500);

/// How often an instance looks for what processes left that died before their delete was through.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// How many streams are remembered from one look.
const REMEMBERED: i64 = 16;

/// So many rows before a tombstone, from where the last ones ended: those that were removed just now still stand in the
/// index, and each look would pass over all of them.
const REMOVE: &str = "
    WITH stream AS MATERIALIZED (SELECT id FROM {schema}.streams WHERE key = $1),
    next AS MATERIALIZED (
        SELECT max(number) AS last FROM (
            SELECT number FROM {schema}.batches
            WHERE stream = (SELECT id FROM stream) AND number > $2::numeric AND number < $3::numeric
            ORDER BY number LIMIT $4
        ) AS rows
    ),
    gone AS (
        DELETE FROM {schema}.batches
        WHERE stream = (SELECT id FROM stream) AND number > $2::numeric AND number <= (SELECT last FROM next)
    )
    SELECT last::text FROM next";

const LOOK: &str = "SELECT s.key, s.tombstone::text FROM {schema}.streams s
    WHERE s.tombstone > 0
        AND EXISTS (SELECT FROM {schema}.batches b WHERE b.stream = s.id AND b.number < s.tombstone)
    LIMIT $1";

/// What is still to be removed, as far as this instance knows.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    streams: VecDeque<Hidden>,
    looked: Option<Instant>,
}

/// The batches of a stream before its tombstone, from some number on.
#[derive(Debug)]
struct Hidden {
    stream: Vec<u8>,
    removed: String,
    tombstone: String,
}

impl Postgres {
    /// Removes what a stored tombstone hides; [`Piece::more`] where there is more than the piece has time for.
    pub(crate) fn remove_before(&mut self, stream: Vec<u8>, tombstone: u64, piece: &Piece) -> Result<()> {
        let mut hidden = Hidden {
            stream,
            removed: "0".to_owned(),
            tombstone: tombstone.to_string(),
        };
        let mut rows = FIRST_ROWS;
        loop {
            let began = Instant::now();
            if !self.remove_rows(&mut hidden, rows)? {
                return Ok(());
            }
            if piece.is_over() {
                return Err(Piece::more());
            }
            rows = match began.elapsed() < QUICK {
                true => (rows * 2).min(MOST_ROWS),
                false => (rows / 2).max(FIRST_ROWS),
            };
        }
    }

    /// Removes a little of what deletes have left, of this process or of others. What fails is found again by a later
    /// look.
    pub(crate) fn tidy(&mut self) {
        if let Err(error) = self.try_to_tidy() {
            log::warn(
                "tidy",
                format_args!("what a delete left cannot be removed yet: {error}"),
            );
        }
    }

    fn try_to_tidy(&mut self) -> Result<()> {
        let is_due = self
            .leftovers
            .looked
            .is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN);
        if self.leftovers.streams.is_empty() && is_due {
            self.leftovers.looked = Some(Instant::now());
            self.leftovers.streams = self.look()?;
        }
        let Some(mut hidden) = self.leftovers.streams.pop_front() else {
            return Ok(());
        };
        if self.remove_rows(&mut hidden, FIRST_ROWS)? {
            self.leftovers.streams.push_back(hidden);
        }
        Ok(())
    }

    fn look(&mut self) -> Result<VecDeque<Hidden>> {
        let rows = self.database.read(LOOK, &[(&REMEMBERED, Type::INT8)])?;
        let hidden = |row| {
            Ok(Hidden {
                stream: get(row, 0)?,
                removed: "0".to_owned(),
                tombstone: get(row, 1)?,
            })
        };
        rows.iter().map(hidden).collect()
    }

    /// Whether there may be more.
    fn remove_rows(&mut self, hidden: &mut Hidden, rows: i64) -> Result<bool> {
        let parameters: [Parameter<'_>; 4] = [
            (&hidden.stream, Type::BYTEA),
            (&hidden.removed, Type::TEXT),
            (&hidden.tombstone, Type::TEXT),
            (&rows, Type::INT8),
        ];
        let removed = self.database.write(REMOVE, &parameters)?;
        let last: Option<String> = removed.first().map(|row| get(row, 0)).transpose()?.flatten();
        let is_more = last.is_some();
        if let Some(last) = last {
            hidden.removed = last;
        }
        Ok(is_more)
    }
}
