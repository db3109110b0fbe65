//! What the manifest's `[config]` says, checked and put together.

mod parameters;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use mirrorbox_adapter::sockets::tls::{Check, TlsClient, TlsSettings};
use mirrorbox_adapter::sockets::{Address, ServerUrl};
use mirrorbox_adapter::{Error, Result, Settings};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use self::parameters::Parameters;
use crate::schema::Schema;

const FORM: &str = "postgres://USER:PASSWORD@HOST:PORT/DATABASE";
const DEFAULT_PORT: u16 = 5432;
const DEFAULT_SCHEMA: &str = "mirrorbox";
/// Milliseconds: shorter than a host waits for a call, so that the server's own words arrive.
const DEFAULT_STATEMENT_TIMEOUT: u32 = 25_000;
/// For the same reason; shared by all hosts of the URL.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server is and how to be let in.
pub(crate) struct Options {
    /// One at least; the primary is whichever of them says so.
    pub(crate) addresses: Vec<Address>,
    pub(crate) config: Config,
    pub(crate) tls: Option<TlsClient>,
    pub(crate) schema: Schema,
    /// In milliseconds; 0: no limit.
    pub(crate) statement_timeout: u32,
    /// For each of the addresses: until it is connected, and until it has let us in.
    pub(crate) connect_timeout: Duration,
}

impl fmt::Debug for Options {
    /// Without what lets one in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("addresses", &self.addresses)
            .field("schema", &self.schema)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Options {
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let url = parse_url(&settings.required::<String>("url")?)?;
        let password: Option<String> = settings.optional("password")?;
        let schema = Schema::new(&settings.or("schema", DEFAULT_SCHEMA.to_owned())?)?;
        let statement_timeout = settings.or("statement_timeout", DEFAULT_STATEMENT_TIMEOUT)?;
        let sslmode: Option<String> = settings.optional("sslmode")?;
        let tls = TlsSettings::read(settings)?;
        settings.finish()?;

        let parameters = Parameters::read(&url)?;
        let addresses = parameters.addresses(&url)?;
        let sslmode = sslmode.or_else(|| parameters.sslmode.clone());
        let tls = client(&addresses, sslmode.as_deref(), &tls)?;
        let mut config = login(&url, &parameters, password)?;
        config.ssl_mode(if tls.is_some() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        let share = DEFAULT_CONNECT_TIMEOUT / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        Ok(Self {
            connect_timeout: parameters.connect_timeout.unwrap_or(share),
            addresses,
            config,
            tls,
            schema,
            statement_timeout,
        })
    }
}

fn parse_url(text: &str) -> Result<ServerUrl> {
    let url = ServerUrl::parse(text, FORM, DEFAULT_PORT)?;
    match url.scheme.as_str() {
        "postgres" | "postgresql" => Ok(url),
        _ => Err(misconfigured(format!(
            "setting `url` does not begin with postgres://: it is {FORM}"
        ))),
    }
}

fn login(url: &ServerUrl, parameters: &Parameters, password: Option<String>) -> Result<Config> {
    let mut config = Config::new();
    let user = url.user.as_ref().or(parameters.user.as_ref());
    let user = user.ok_or_else(|| misconfigured("setting `url` names no user: postgres://USER@HOST/DATABASE"))?;
    if let Some(password) = password
        .as_ref()
        .or(url.password.as_ref())
        .or(parameters.password.as_ref())
    {
        config.password(password);
    }
    let path = Some(url.path.join("/")).filter(|path| !path.is_empty());
    if let Some(database) = path.as_ref().or(parameters.database.as_ref()) {
        config.dbname(database);
    }
    if let Some(options) = &parameters.options {
        config.options(options);
    }
    if let Some(binding) = parameters.channel_binding {
        config.channel_binding(binding);
    }
    let name = parameters.application_name.as_deref().unwrap_or("mirrorbox");
    config.user(user).application_name(name);
    Ok(config)
}

/// TLS as `sslmode` asks for it; where nothing asks, all but this machine is spoken to with TLS.
fn client(addresses: &[Address], sslmode: Option<&str>, tls: &TlsSettings) -> Result<Option<TlsClient>> {
    let check = match sslmode {
        Some("disable") => None,
        // More than libpq asks for: a certificate that is not checked protects from no one.
        Some("require" | "verify-full") => Some(Check::Name),
        Some("verify-ca") => Some(Check::Authority),
        None if tls.any().is_none() && addresses.iter().all(is_loopback) => None,
        None => Some(Check::Name),
        Some("prefer" | "allow") => {
            return Err(misconfigured(
                "setting `sslmode` would go on without encryption if the server has none: write `verify-full`, or \
                 `disable` where the way to the server is trusted",
            ));
        }
        Some(_) => {
            return Err(misconfigured(
                "setting `sslmode` is not one of `verify-full`, `verify-ca`, `require`, `disable`",
            ));
        }
    };
    match (check, tls.any()) {
        (Some(check), _) => tls.client(check).map(Some),
        (None, None) => Ok(None),
        (None, Some(name)) => Err(misconfigured(format!(
            "setting `{name}` is of no use: `sslmode` is disable"
        ))),
    }
}

fn is_loopback(address: &Address) -> bool {
    let host = address.host.as_str();
    // A name that is no address may lead anywhere, so that TLS stays.
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn misconfigured(text: impl Into<String>) -> Error {
    Error::Misconfigured(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn read(pairs: &[(&str, &str)]) -> Result<Options> {
        Options::read(&Settings::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn everything_can_stand_in_the_url() {
        let options = read(&[(
            "url",
            "postgres://me:p%40ss@db.internal:7000/the%20base?sslmode=disable",
        )])
        .unwrap();
        assert_eq!(options.addresses[0].to_string(), "db.internal:7000");
        assert_eq!(
            (options.config.get_user(), options.config.get_dbname()),
            (Some("me"), Some("the base"))
        );
        assert_eq!(options.config.get_password(), Some(b"p@ss".as_slice()));
        assert!(options.tls.is_none());
    }

    #[test]
    fn tls_is_left_out_only_where_it_is_said_or_nobody_listens() {
        let has_tls = |url: &str| read(&[("url", url)]).unwrap().tls.is_some();
        for url in [
            "postgres://me@db",
            "postgres://me@10.0.0.1",
            "postgres://me@localhost,db",
            "postgres://me@localhost?sslmode=require",
            "postgres://me@localhost?sslmode=verify-ca",
        ] {
            assert!(has_tls(url), "{url}");
        }
        for url in [
            "postgres://me@localhost",
            "postgres://me@127.0.0.9",
            "postgres://me@[::1]/x",
        ] {
            assert!(!has_tls(url), "{url}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_name_of_the_setting() {
        let refused: [(&str, &[(&str, &str)]); 12] = [
            ("`url`", &[]),
            ("`url`", &[("url", "hunter2")]),
            ("`url`", &[("url", "http://me:hunter2@x")]),
            ("`url`", &[("url", "host=x user=me password=hunter2")]),
            ("`url`", &[("url", "postgres://x/hunter2")]),
            ("names no host", &[("url", "postgres:///hunter2?user=me")]),
            ("`sslmode`", &[("url", "postgres://me:hunter2@x?sslmode=prefer")]),
            ("`schema`", &[("url", "postgres://me:hunter2@x"), ("schema", "a\"b")]),
            (
                "`ca`",
                &[("url", "postgres://me@localhost?sslmode=disable"), ("ca", "hunter2")],
            ),
            ("`key`", &[("url", "postgres://me@localhost"), ("key", "hunter2")]),
            (
                "`statement_timeout`",
                &[("url", "postgres://me@x"), ("statement_timeout", "soon")],
            ),
            ("`pasword`", &[("url", "postgres://me@x"), ("pasword", "hunter2")]),
        ];
        for (name, pairs) in refused {
            let error = read(pairs).unwrap_err();
            let text = error.to_string();
            assert!(
                matches!(error, Error::Misconfigured(_)) && text.contains(name),
                "{text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn the_page_names_every_setting() {
        let page = include_str!("../../../docs/adapters/postgres.md");
        let complete = [("url", "postgres://me@x")];
        mirrorbox_adapter_rules::page::names_every_setting(page, &complete, |settings| {
            Options::read(settings).map(drop)
        });
    }

    #[test]
    fn debug_shows_no_secret() {
        let options = read(&[("url", "postgres://me:hunter2@x")]).unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
