//! What the manifest's `[config]` says, checked and put together.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use mirrorbox_adapter::{Error, Result, Settings, tls};
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use crate::schema::Schema;

const DEFAULT_PORT: u16 = 5432;
const DEFAULT_SCHEMA: &str = "mirrorbox";
/// Milliseconds: shorter than a host waits for a call, so that the server's own words arrive.
const DEFAULT_STATEMENT_TIMEOUT: u32 = 25_000;

/// Where the server is and how to be let in.
pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) config: Config,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) schema: Schema,
    /// In milliseconds; 0 is none.
    pub(crate) statement_timeout: u32,
}

impl fmt::Debug for Options {
    /// Without what lets one in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("port", &self.port)
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
        let ca: Option<String> = settings.optional("ca")?;
        settings.finish()?;

        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| misconfigured("setting `url` names no host"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let tls = match is_checked(&host, sslmode.or(query_sslmode(&url)?).as_deref())? {
            true => Some(tls::client(ca.as_deref())?),
            false if ca.is_some() => return Err(misconfigured("setting `ca` is of no use: `sslmode` is disable")),
            false => None,
        };
        let mut config = login(&url, password)?;
        config.ssl_mode(if tls.is_some() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        Ok(Self {
            host,
            port: url.port().unwrap_or(DEFAULT_PORT),
            config,
            tls,
            schema,
            statement_timeout,
        })
    }
}

/// Errors of the parser say nothing of the text, which may hold a password.
fn parse_url(text: &str) -> Result<Url> {
    const SHAPE: &str = "postgres://USER@HOST:PORT/DATABASE";
    let url = Url::parse(text).map_err(|error| misconfigured(format!("setting `url` is not {SHAPE}: {error}")))?;
    match url.scheme() {
        "postgres" | "postgresql" => Ok(url),
        _ => Err(misconfigured(format!("setting `url` is not {SHAPE}"))),
    }
}

fn login(url: &Url, password: Option<String>) -> Result<Config> {
    let mut config = Config::new();
    let user = decoded(url.username())?;
    let user = user.ok_or_else(|| misconfigured("setting `url` names no user: postgres://USER@HOST/DATABASE"))?;
    if let Some(password) = password.or(url.password().map_or(Ok(None), decoded)?) {
        config.password(password);
    }
    if let Some(database) = decoded(url.path().trim_start_matches('/'))? {
        config.dbname(database);
    }
    config.user(user).application_name("mirrorbox");
    Ok(config)
}

fn query_sslmode(url: &Url) -> Result<Option<String>> {
    let mut sslmode = None;
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" => sslmode = Some(value.into_owned()),
            _ => {
                return Err(misconfigured(
                    "setting `url` has a parameter that is not `sslmode`: leave it out",
                ));
            }
        }
    }
    Ok(sslmode)
}

/// Whether there is TLS; if there is, certificate and name are checked, whatever less the words ask for.
fn is_checked(host: &str, sslmode: Option<&str>) -> Result<bool> {
    match sslmode {
        Some("disable") => Ok(false),
        Some("require" | "verify-ca" | "verify-full") => Ok(true),
        None => Ok(!is_loopback(host)),
        Some(_) => Err(misconfigured(
            "setting `sslmode` is neither `verify-full` nor `disable`",
        )),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A part of the URL, if it is there.
fn decoded(part: &str) -> Result<Option<String>> {
    let part = percent_decode_str(part)
        .decode_utf8()
        .map_err(|_| misconfigured("setting `url` has a part that is not UTF-8"))?;
    Ok(Some(part.into_owned()).filter(|part| !part.is_empty()))
}

fn misconfigured(text: impl Into<String>) -> Error {
    Error::Misconfigured(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Options> {
        Options::read(&Settings::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn everything_can_stand_in_the_url() {
        let options = read(&[(
            "url",
            "postgres://me:p%40ss@db.internal:7000/the%20base?sslmode=disable",
        )])
        .unwrap();
        assert_eq!((options.host.as_str(), options.port), ("db.internal", 7000));
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
            "postgres://me@localhost?sslmode=require",
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
        let refused: [(&str, &[(&str, &str)]); 10] = [
            ("`url`", &[]),
            ("`url`", &[("url", "hunter2")]),
            ("`url`", &[("url", "http://me:hunter2@x")]),
            ("`url`", &[("url", "postgres://x/hunter2")]),
            ("`url`", &[("url", "postgres://me:hunter2@x?options=a")]),
            ("`sslmode`", &[("url", "postgres://me:hunter2@x?sslmode=prefer")]),
            ("`schema`", &[("url", "postgres://me:hunter2@x"), ("schema", "a\"b")]),
            ("`ca`", &[("url", "postgres://me@localhost"), ("ca", "hunter2")]),
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
    fn debug_shows_no_secret() {
        let options = read(&[("url", "postgres://me:hunter2@x")]).unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
