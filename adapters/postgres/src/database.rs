//! The database as the adapter sees it: one connection, made again when it breaks; one transaction per question.

use std::fmt;

use futures_util::future::join3;
use mirrorbox_adapter::{Error, Result};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error as PgError, Row};

use crate::check::{self, Facts};
use crate::connection::{Connection, is_standby};
use crate::failure::Failure;
use crate::settings::Options;

/// How often a transaction is tried that collides with others.
const TRIES: usize = 4;

/// What one message may hold of one payload; the client keeps a message twice.
pub(crate) const PIECE_BYTES: usize = 16 << 20;

/// Milliseconds that a transaction may stand open and still, waiting for us: then the server ends it, and with it the
/// locks of a host that vanished in the middle. Longer than any host waits for a call.
const STANDING_STILL: u32 = 60_000;

/// A parameter of a statement and its type: named, because a statement that asks the server for its types would have to
/// outlive its transaction, and behind a pooling proxy the next one may be on another connection.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A database that has the tables.
pub(crate) struct Database {
    options: Options,
    runtime: Runtime,
    connection: Option<Connection>,
    /// What follows each transaction's beginning.
    limits: String,
}

/// What a transaction is for.
#[derive(Clone, Copy)]
enum Purpose {
    /// Begins as one that writes, which a standby refuses: behind a pooler or a name, a transaction may be led to one
    /// at any time, and what it says there may be old.
    Read,
    /// Begins as the server has it, so that a database that was made read-only stays so.
    Write,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Connects, checks the server and makes the tables.
    pub(crate) fn open(options: Options) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| Error::Other(format!("sockets cannot be used: {error}")))?;
        let mut connection = Connection::open(&runtime, &options).map_err(Failure::into_error)?;
        let address = connection.address.clone();
        let failed = |error| Failure::Postgres(address.clone(), error).into_error();
        let facts = runtime.block_on(check::facts(&connection.client)).map_err(failed)?;
        facts.check()?;
        let prepared = runtime.block_on(options.schema.prepare(&mut connection.client));
        if let Err(error) = prepared {
            let failure = tell_read_only(&runtime, &connection, error);
            return Err(failure.into_error());
        }
        if let Ok(None) = prepared {
            return Err(Error::Misconfigured(
                "the tables in the schema of setting `schema` were made by a later version of this adapter: use that"
                    .into(),
            ));
        }
        Ok(Self {
            limits: limits(options.statement_timeout, &facts),
            options,
            runtime,
            connection: Some(connection),
        })
    }

    /// Asks for what is stored, in a transaction of its own. `{schema}` in the question is replaced. It may be asked
    /// again, if the connection broke or others were in the way.
    pub(crate) fn read(&mut self, question: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.ask(Purpose::Read, question, parameters)
    }

    /// As [`Database::read`], for what changes something. It must not matter whether it was done before.
    pub(crate) fn write(&mut self, question: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.ask(Purpose::Write, question, parameters)
    }

    fn ask(&mut self, purpose: Purpose, question: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let question = self.options.schema.sql(question);
        self.persist(purpose, |runtime, client, begin| {
            // All three are sent at once. If the question fails, the server takes the COMMIT for a ROLLBACK.
            let (begun, rows, ended) = runtime.block_on(join3(
                client.batch_execute(begin),
                client.query_typed(&question, parameters),
                client.batch_execute("COMMIT"),
            ));
            begun?;
            let rows = rows?;
            ended?;
            Ok(rows)
        })
    }

    /// As [`Database::write`], after pieces of a payload were stored in the same transaction, one by one: the client
    /// keeps a copy of what it is sending.
    pub(crate) fn write_with_pieces(
        &mut self,
        payload: &[u8],
        question: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>> {
        let piece = self
            .options
            .schema
            .sql("INSERT INTO {schema}.pieces (at, bytes) VALUES ($1, $2)");
        let forget = "DELETE FROM {schema}.pieces WHERE upload = pg_current_xact_id()";
        let (question, forget) = (self.options.schema.sql(question), self.options.schema.sql(forget));
        self.persist(Purpose::Write, |runtime, client, begin| {
            runtime.block_on(async {
                client.batch_execute(begin).await?;
                let asked = async {
                    for (at, bytes) in (0_i32..).zip(payload.chunks(PIECE_BYTES)) {
                        client
                            .query_typed(&piece, &[(&at, Type::INT4), (&bytes, Type::BYTEA)])
                            .await?;
                    }
                    let rows = client.query_typed(&question, parameters).await?;
                    client.batch_execute(&forget).await?;
                    Ok(rows)
                };
                let asked = asked.await;
                // After a failure, the server takes this for a ROLLBACK.
                client.batch_execute("COMMIT").await?;
                asked
            })
        })
    }

    /// Does something until it is done: again on a new connection if a kept one broke, again if others were in the way.
    fn persist(
        &mut self,
        purpose: Purpose,
        work: impl Fn(&Runtime, &Client, &str) -> Result<Vec<Row>, PgError>,
    ) -> Result<Vec<Row>> {
        let begin = purpose.begin(&self.limits);
        self.connection = self.connection.take().filter(|kept| kept.is_alive(&self.runtime));
        let mut fresh = self.connection.is_none();
        let mut tries = 1;
        loop {
            let failure = match self.attempt(|runtime, client| work(runtime, client, &begin)) {
                Ok(rows) => return Ok(rows),
                Err(failure) => failure,
            };
            if failure.is_lost() {
                self.connection = None;
                if fresh {
                    return Err(failure.into_error());
                }
                fresh = true;
            } else if failure.is_collision() && tries < TRIES {
                tries += 1;
            } else {
                return Err(failure.into_error());
            }
        }
    }

    fn attempt(&mut self, work: impl Fn(&Runtime, &Client) -> Result<Vec<Row>, PgError>) -> Result<Vec<Row>, Failure> {
        let connection = match &mut self.connection {
            Some(kept) => kept,
            none => none.insert(Connection::open(&self.runtime, &self.options)?),
        };
        match work(&self.runtime, &connection.client) {
            Ok(rows) => {
                connection.answered();
                Ok(rows)
            }
            Err(error) => Err(tell_read_only(&self.runtime, connection, error)),
        }
    }
}

impl Purpose {
    fn begin(self, limits: &str) -> String {
        match self {
            Self::Read => format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {limits}"),
            Self::Write => format!("BEGIN ISOLATION LEVEL READ COMMITTED; {limits}"),
        }
    }
}

fn limits(statement_timeout: u32, facts: &Facts) -> String {
    let durable = if facts.acknowledges_early() {
        "; SET LOCAL synchronous_commit = on"
    } else {
        ""
    };
    format!(
        "SET LOCAL statement_timeout = {statement_timeout}; \
         SET LOCAL idle_in_transaction_session_timeout = {STANDING_STILL}{durable}"
    )
}

/// A server that refuses to write is a standby, or a primary that was made read-only: it is asked which.
fn tell_read_only(runtime: &Runtime, connection: &Connection, error: PgError) -> Failure {
    let address = connection.address.clone();
    let failure = Failure::Postgres(address.clone(), error);
    if !failure.is_read_only() {
        return failure;
    }
    match runtime.block_on(is_standby(&connection.client)) {
        Ok(true) => Failure::Standby(address),
        Ok(false) => Failure::ReadOnly(address),
        // The connection broke meanwhile.
        Err(error) => Failure::Postgres(address, error),
    }
}
