//! One connection to the primary, and whether it still lives.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use mirrorbox_adapter::sockets::{self, Address};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::tls::NoTls;

use crate::failure::Failure;
use crate::settings::Options;
use crate::tls::Tls;

/// A connection that was left alone for longer is asked whether it is still there, before anything is entrusted to it:
/// firewalls and load balancers forget quiet connections without telling either end. A question costs a round trip.
const RESTED: Duration = Duration::from_secs(2);

/// How long the answer may take. A server that is slower gets a new connection, which does no harm.
const ANSWER: Duration = Duration::from_millis(1_500);

/// A connection that is logged in.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) address: Address,
    used: Instant,
}

impl Connection {
    /// Connects to the first address whose server is the primary.
    pub(crate) fn open(runtime: &Runtime, options: &Options) -> Result<Self, Failure> {
        let mut failures = Vec::new();
        for address in &options.addresses {
            match Self::to_primary(runtime, options, address) {
                Ok(connection) => return Ok(connection),
                Err(failure) => failures.push(failure),
            }
        }
        Err(Failure::several(failures))
    }

    fn to_primary(runtime: &Runtime, options: &Options, address: &Address) -> Result<Self, Failure> {
        let socket = sockets::connect(address, options.connect_timeout);
        let socket = socket.map_err(|error| Failure::Connect(address.clone(), error))?;
        let entering = async {
            let client = log_in(socket, options, address).await?;
            let is_standby = is_standby(&client)
                .await
                .map_err(|error| Failure::Postgres(address.clone(), error))?;
            match is_standby {
                true => Err(Failure::Standby(address.clone())),
                false => Ok(client),
            }
        };
        // A clock that is made within the runtime.
        let entered = runtime.block_on(async { timeout(options.connect_timeout, entering).await });
        let client = entered.unwrap_or_else(|_elapsed| {
            let text = format!(
                "it took the connection and kept silent for {} s: is it PostgreSQL?",
                options.connect_timeout.as_secs_f32()
            );
            Err(Failure::Connect(
                address.clone(),
                io::Error::new(ErrorKind::TimedOut, text),
            ))
        })?;
        Ok(Self {
            client,
            address: address.clone(),
            used: Instant::now(),
        })
    }

    /// Whether the other side is there: asked, where the connection was left alone for a while.
    pub(crate) fn is_alive(&self, runtime: &Runtime) -> bool {
        if self.client.is_closed() {
            return false;
        }
        if self.used.elapsed() < RESTED {
            return true;
        }
        // Why not does not matter: a new connection tells what is wrong, if anything is.
        let asked = runtime.block_on(async { timeout(ANSWER, self.client.batch_execute("")).await });
        matches!(asked, Ok(Ok(())))
    }

    /// Notes that the other side has just answered.
    pub(crate) fn answered(&mut self) {
        self.used = Instant::now();
    }
}

/// Whether a server follows another, and so may lack what was stored.
pub(crate) async fn is_standby(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let row = client.query_typed_one("SELECT pg_is_in_recovery()", &[]).await?;
    row.try_get(0)
}

async fn log_in(socket: std::net::TcpStream, options: &Options, address: &Address) -> Result<Client, Failure> {
    let lost = |error| Failure::Connect(address.clone(), error);
    let refused = |error| Failure::Postgres(address.clone(), error);
    socket.set_nonblocking(true).map_err(lost)?;
    let socket = TcpStream::from_std(socket).map_err(lost)?;
    // Not every host lets a guest choose; then an answer may take a little longer.
    let _ = socket.set_nodelay(true);
    match &options.tls {
        Some(client) => {
            let tls = Tls {
                client: client.clone(),
                host: address.host.clone(),
            };
            let (client, connection) = options.config.connect_raw(socket, tls).await.map_err(refused)?;
            // It ends with its client, and what breaks it is reported to the client's next question.
            tokio::spawn(connection);
            Ok(client)
        }
        None => {
            let (client, connection) = options.config.connect_raw(socket, NoTls).await.map_err(refused)?;
            tokio::spawn(connection);
            Ok(client)
        }
    }
}
