//! One transcript: appending, reading, removing.

use mirrorbox_adapter::{Batch, Error, Kind, Position, Result, SessionKey, Summary};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::Postgres;
use crate::database::{PIECE_BYTES, Parameter};
use crate::layout;

const APPEND: &str = "SELECT {schema}.append($1, $2, $3, $4, $5, $6, \
     $7::numeric, $8, $9, $10::numeric, $11, $14, $12::numeric, $13)";

const APPEND_PIECES: &str = "SELECT {schema}.append($1, $2, $3, $4, $5, $6, \
     $7::numeric, $8, $9, $10::numeric, $11, \
     (SELECT string_agg(bytes, '' ORDER BY at) FROM {schema}.pieces WHERE upload = pg_current_xact_id()), \
     $12::numeric, $13)";

/// Sizes are looked at first, so that no more is read than is asked for. A payload that is too large for one answer
/// comes in pieces afterwards.
const LOAD: &str = "
    WITH stream AS (SELECT id, last, tombstone FROM {schema}.streams WHERE key = $1),
    sizes AS (
        SELECT b.number, octet_length(b.payload)::bigint AS bytes
        FROM stream s JOIN {schema}.batches b ON b.stream = s.id
        WHERE b.number >= GREATEST($2::numeric + 1, s.tombstone)
        ORDER BY b.number LIMIT 4096
    ),
    page AS (SELECT number, bytes, sum(bytes) OVER (ORDER BY number) - bytes AS before FROM sizes)
    SELECT s.last::text, s.tombstone::text, b.number::text, b.kind, b.writer, b.line::text, b.digest, p.bytes,
        CASE WHEN p.bytes <= $4 THEN b.payload END
    FROM stream s
    LEFT JOIN page p ON p.before < $3
    LEFT JOIN {schema}.batches b ON b.stream = s.id AND b.number = p.number
    ORDER BY p.number";

const PIECE: &str = "SELECT substring(b.payload FROM $3 FOR $4)
    FROM {schema}.streams s JOIN {schema}.batches b ON b.stream = s.id
    WHERE s.key = $1 AND b.number = $2::numeric";

const END: &str = "SELECT last::text, digest FROM {schema}.streams WHERE key = $1 AND last > 0";

impl Postgres {
    pub(crate) fn append_batch(&mut self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<()> {
        let (project, main) = (
            layout::project(&key.project_key),
            layout::main(&key.project_key, &key.session_id),
        );
        let stream = layout::stream(key);
        let (number, line, kind) = (batch.number.to_string(), batch.line.to_string(), batch.kind.name());
        let through = summary.map(|summary| summary.through.to_string());
        let json = summary.map(|summary| summary.json.as_bytes());
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&project, Type::BYTEA),
            (&main, Type::BYTEA),
            (&stream, Type::BYTEA),
            (&key.project_key, Type::TEXT),
            (&key.session_id, Type::TEXT),
            (&key.subpath, Type::TEXT),
            (&number, Type::TEXT),
            (&kind, Type::TEXT),
            (&batch.writer, Type::TEXT),
            (&line, Type::TEXT),
            (&batch.digest, Type::TEXT),
            (&through, Type::TEXT),
            (&json, Type::BYTEA),
        ];
        let rows = if batch.payload.len() > PIECE_BYTES {
            self.database
                .write_with_pieces(&batch.payload, APPEND_PIECES, &parameters)?
        } else {
            parameters.push((&batch.payload, Type::BYTEA));
            self.database.write(APPEND, &parameters)?
        };
        match rows.first().map(|row| get::<&str>(row, 0)).transpose()? {
            Some("stored") => Ok(()),
            Some("conflict") => Err(Error::Conflict),
            other => Err(unexpected(format!("append gave {other:?}"))),
        }
    }

    pub(crate) fn load_page(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let (stream, from, most) = (layout::stream(key), after.to_string(), i64::from(max_bytes.max(1)));
        let rows = self.database.read(
            LOAD,
            &[
                (&stream, Type::BYTEA),
                (&from, Type::TEXT),
                (&most, Type::INT8),
                (&(PIECE_BYTES as i64), Type::INT8),
            ],
        )?;
        let Some(first) = rows.first() else {
            return Ok(Vec::new());
        };
        let (last, tombstone) = (number(first, 0)?, number(first, 1)?);
        if after >= last {
            return Ok(Vec::new());
        }
        self.read_page(&stream, rows, (after + 1).max(tombstone), last)
    }

    /// Reads rows whose numbers must be `first`, `first` + 1 and so on.
    fn read_page(&mut self, stream: &Vec<u8>, rows: Vec<Row>, first: u64, last: u64) -> Result<Vec<Batch>> {
        let mut page = Vec::with_capacity(rows.len());
        for (row, expected) in rows.into_iter().zip(first..=last) {
            let found = get::<Option<&str>>(&row, 2)?
                .is_some()
                .then(|| number(&row, 2))
                .transpose()?;
            if found != Some(expected) {
                // What was read is good; the next page tells what is not.
                if page.is_empty() {
                    let until = found.map_or(last, |found| found.saturating_sub(1));
                    return Err(Error::corrupt(expected, until, "missing, although they were stored"));
                }
                break;
            }
            let Some(batch) = self.read_batch(stream, &row, expected)? else {
                // Deleted just now: the next call begins at the tombstone.
                if page.is_empty() {
                    return Err(Error::Unavailable(
                        "the transcript was deleted while it was read".into(),
                    ));
                }
                break;
            };
            page.push(batch);
        }
        Ok(page)
    }

    /// None if its payload came in pieces and was removed meanwhile.
    fn read_batch(&mut self, stream: &Vec<u8>, row: &Row, number: u64) -> Result<Option<Batch>> {
        let kind = get::<&str>(row, 3)?;
        let kind = Kind::from_name(kind).ok_or_else(|| Error::corrupt(number, number, "its kind is not known"))?;
        let payload = match get::<Option<Vec<u8>>>(row, 8)? {
            Some(payload) => Some(payload),
            None => self.read_pieces(stream, number, get(row, 7)?)?,
        };
        let (writer, line, digest) = (get(row, 4)?, self::number(row, 5)?, get(row, 6)?);
        Ok(payload.map(|payload| Batch {
            number,
            kind,
            writer,
            line,
            digest,
            payload,
        }))
    }

    fn read_pieces(&mut self, stream: &Vec<u8>, number: u64, bytes: i64) -> Result<Option<Vec<u8>>> {
        let number = number.to_string();
        let bytes = usize::try_from(bytes).map_err(unexpected)?;
        let mut payload = Vec::with_capacity(bytes);
        while payload.len() < bytes {
            let from = i32::try_from(payload.len() + 1).map_err(unexpected)?;
            let rows = self.database.read(
                PIECE,
                &[
                    (stream, Type::BYTEA),
                    (&number, Type::TEXT),
                    (&from, Type::INT4),
                    (&(PIECE_BYTES as i32), Type::INT4),
                ],
            )?;
            match rows.first() {
                Some(row) => payload.extend_from_slice(get::<&[u8]>(row, 0)?),
                None => return Ok(None),
            }
        }
        Ok(Some(payload))
    }

    pub(crate) fn last_position(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        let rows = self.database.read(END, &[(&layout::stream(key), Type::BYTEA)])?;
        let position = |row: &Row| {
            Ok(Position {
                number: number(row, 0)?,
                digest: get(row, 1)?,
            })
        };
        rows.first().map(position).transpose()
    }
}

/// A column's value.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(unexpected)
}

/// A number, which came as text: the server has no unsigned ones.
pub(crate) fn number(row: &Row, column: usize) -> Result<u64> {
    get::<&str>(row, column)?.parse().map_err(unexpected)
}

/// An answer that no server with these tables would give.
pub(crate) fn unexpected(what: impl std::fmt::Display) -> Error {
    Error::Other(format!(
        "the server answered in a way that cannot be understood: {what}"
    ))
}
