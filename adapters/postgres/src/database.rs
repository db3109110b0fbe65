//! The database as the adapter sees it: one connection, made again when it breaks; one transaction per question.

use std::fmt;
use std::io::ErrorKind;
use std::net::ToSocketAddrs;

use futures_util::future::join3;
use mirrorbox_adapter::{Error, Result};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::tls::NoTls;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error as PgError, Row};

use crate::check;
use crate::failure::Failure;
use crate::settings::Options;
use crate::tls::Tls;

/// How often a transaction is tried that collides with others.
const TRIES: usize = 4;

/// What one message may hold of one payload; the client keeps a message twice.
pub(crate) const PIECE_BYTES: usize = 16 << 20;

/// A parameter of a statement and its type: named, because a statement that asks the server for its types would have to
/// outlive its transaction, and behind a pooling proxy the next one may be on another connection.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A database that has the tables.
pub(crate) struct Database {
    options: Options,
    runtime: Runtime,
    client: Option<Client>,
    /// What each transaction begins with.
    begin: String,
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
            .build()
            .map_err(|error| Error::Other(format!("sockets cannot be used: {error}")))?;
        let mut client = connect(&runtime, &options).map_err(|failure| failure.into_error(&options))?;
        let facts = runtime.block_on(check::facts(&client));
        let facts = facts.map_err(|error| Failure::from(error).into_error(&options))?;
        facts.check()?;
        match runtime.block_on(options.schema.prepare(&mut client)) {
            Ok(Some(())) => {}
            Ok(None) => {
                return Err(Error::Misconfigured(
                    "the tables in the schema of setting `schema` were made by a later version of this adapter: use that".into(),
                ));
            }
            Err(error) => return Err(Failure::from(error).into_error(&options)),
        }
        Ok(Self {
            begin: begin(options.statement_timeout, facts.acknowledges_early()),
            options,
            runtime,
            client: Some(client),
        })
    }

    /// Asks one question in a transaction of its own. `{schema}` in it is replaced. It may be asked again, if the
    /// connection broke or others were in the way: it must not matter whether it was done before.
    pub(crate) fn ask(&mut self, question: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let question = self.options.schema.sql(question);
        self.persist(|runtime, client, begin| {
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

    /// As [`Database::ask`], after pieces of a payload were stored in the same transaction, one by one: the client keeps
    /// a copy of what it is sending.
    pub(crate) fn ask_with_pieces(
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
        self.persist(|runtime, client, begin| {
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
    fn persist(&mut self, work: impl Fn(&Runtime, &Client, &str) -> Result<Vec<Row>, PgError>) -> Result<Vec<Row>> {
        let mut fresh = self.client.is_none();
        let mut tries = 1;
        loop {
            let done = self.connected().and_then(|()| match &self.client {
                Some(client) => work(&self.runtime, client, &self.begin).map_err(Failure::from),
                None => Err(Failure::Connect(ErrorKind::NotConnected.into())),
            });
            let failure = match done {
                Ok(rows) => return Ok(rows),
                Err(failure) => failure,
            };
            if failure.is_lost() {
                self.client = None;
                if fresh {
                    return Err(failure.into_error(&self.options));
                }
                fresh = true;
            } else if failure.is_collision() && tries < TRIES {
                tries += 1;
            } else {
                return Err(failure.into_error(&self.options));
            }
        }
    }

    fn connected(&mut self) -> Result<(), Failure> {
        if self.client.is_none() {
            self.client = Some(connect(&self.runtime, &self.options)?);
        }
        Ok(())
    }
}

fn begin(statement_timeout: u32, acknowledges_early: bool) -> String {
    let durable = if acknowledges_early {
        "; SET LOCAL synchronous_commit = on"
    } else {
        ""
    };
    format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {statement_timeout}{durable}")
}

fn connect(runtime: &Runtime, options: &Options) -> Result<Client, Failure> {
    // tokio would ask for addresses on another thread, and a component has none.
    let addresses = (options.host.as_str(), options.port).to_socket_addrs();
    let addresses: Vec<_> = addresses.map_err(Failure::Connect)?.collect();
    runtime.block_on(async {
        let socket = TcpStream::connect(addresses.as_slice())
            .await
            .map_err(Failure::Connect)?;
        // Not every host lets a guest choose; then an answer may take a little longer.
        let _ = socket.set_nodelay(true);
        match &options.tls {
            Some(config) => {
                let tls = Tls {
                    config: config.clone(),
                    host: options.host.clone(),
                };
                let (client, connection) = options.config.connect_raw(socket, tls).await?;
                // It ends with its client, and what breaks it is told to the client's next question.
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = options.config.connect_raw(socket, NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    })
}
