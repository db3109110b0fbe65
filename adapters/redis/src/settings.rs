//! What the manifest's `[config]` says, checked and put together.

use std::fmt;
use std::sync::Arc;

use mirrorbox_adapter::{Error, Result, Settings, tls};
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use url::Url;

const DEFAULT_PREFIX: &str = "mirrorbox:";
const DEFAULT_PORT: u16 = 6379;

/// Where the server is and how to be let in.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) node: Node,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: u32,
    pub(crate) prefix: String,
    /// Whether a redirection to another node is followed.
    pub(crate) cluster: bool,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// One server's address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Options {
    /// Without what lets one in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("node", &self.node)
            .field("database", &self.database)
            .field("prefix", &self.prefix)
            .field("cluster", &self.cluster)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Options {
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let url = parse_url(&settings.required::<String>("url")?)?;
        let username: Option<String> = settings.optional("username")?;
        let password: Option<String> = settings.optional("password")?;
        let database: Option<u32> = settings.optional("database")?;
        let prefix = settings.or("prefix", DEFAULT_PREFIX.to_owned())?;
        let cluster = settings.or("cluster", false)?;
        let ca: Option<String> = settings.optional("ca")?;
        settings.finish()?;
        let options = Self {
            node: node(&url)?,
            username: username.or(decoded(url.username())?),
            password: password.or(url.password().map_or(Ok(None), decoded)?),
            database: database.map_or_else(|| path_database(&url), Ok)?,
            prefix,
            cluster,
            tls: client(&url, ca.as_deref())?,
        };
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        if self.prefix.contains(['{', '}']) {
            return Err(misconfigured(
                "setting `prefix` holds a brace: in a cluster, braces decide about the node",
            ));
        }
        if self.cluster && self.database != 0 {
            return Err(misconfigured(
                "setting `database` is not 0, but a cluster has no other: leave it out",
            ));
        }
        if self.username.is_some() && self.password.is_none() {
            return Err(misconfigured(
                "setting `password` is missing, although there is a user name",
            ));
        }
        Ok(())
    }
}

/// Errors of the parser say nothing of the text, which may hold a password.
fn parse_url(text: &str) -> Result<Url> {
    let url = Url::parse(text)
        .map_err(|error| misconfigured(format!("setting `url` is not redis://HOST:PORT/DATABASE: {error}")))?;
    match url.scheme() {
        "redis" | "rediss" => Ok(url),
        _ => Err(misconfigured(
            "setting `url` begins neither with redis:// nor, for TLS, with rediss://",
        )),
    }
}

fn node(url: &Url) -> Result<Node> {
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| misconfigured("setting `url` names no host: redis://HOST:PORT/DATABASE"))?;
    Ok(Node {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(DEFAULT_PORT),
    })
}

fn path_database(url: &Url) -> Result<u32> {
    let path = url.path().trim_start_matches('/');
    if path.is_empty() {
        return Ok(0);
    }
    path.parse()
        .map_err(|_| misconfigured("setting `url` ends in a path that is not the number of a database"))
}

/// A part of the URL, if it is there.
fn decoded(part: &str) -> Result<Option<String>> {
    let part = percent_decode_str(part)
        .decode_utf8()
        .map_err(|_| misconfigured("setting `url` has a user name or password that is not UTF-8"))?;
    Ok(Some(part.into_owned()).filter(|part| !part.is_empty()))
}

fn client(url: &Url, ca: Option<&str>) -> Result<Option<Arc<ClientConfig>>> {
    match (url.scheme(), ca) {
        ("rediss", ca) => tls::client(ca).map(Some),
        (_, None) => Ok(None),
        (_, Some(_)) => Err(misconfigured(
            "setting `ca` is of no use without TLS: begin `url` with rediss://",
        )),
    }
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
        let options = read(&[("url", "redis://me:p%40ss@db.internal:7000/3")]).unwrap();
        assert_eq!(options.node.to_string(), "db.internal:7000");
        assert_eq!(
            (options.username.as_deref(), options.password.as_deref()),
            (Some("me"), Some("p@ss"))
        );
        assert_eq!((options.database, options.prefix.as_str()), (3, "mirrorbox:"));
        assert!(options.tls.is_none() && !options.cluster);
    }

    #[test]
    fn a_setting_of_its_own_wins() {
        let options = read(&[
            ("url", "rediss://:old@[::1]/3"),
            ("password", "new"),
            ("database", "0"),
            ("cluster", "true"),
        ])
        .unwrap();
        assert_eq!(options.node.to_string(), "[::1]:6379");
        assert_eq!(options.password.as_deref(), Some("new"));
        assert!(options.tls.is_some() && options.cluster && options.username.is_none());
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_name_of_the_setting() {
        let refused: [(&str, &[(&str, &str)]); 9] = [
            ("`url`", &[]),
            ("`url`", &[("url", "hunter2")]),
            ("`url`", &[("url", "http://hunter2@x")]),
            ("`url`", &[("url", "redis://:hunter2@x/first")]),
            ("`prefix`", &[("url", "redis://x"), ("prefix", "{a}")]),
            ("`database`", &[("url", "redis://:hunter2@x/1"), ("cluster", "true")]),
            ("`password`", &[("url", "redis://hunter2@x")]),
            ("`ca`", &[("url", "redis://x"), ("ca", "hunter2")]),
            ("`pasword`", &[("url", "redis://x"), ("pasword", "hunter2")]),
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
        let options = read(&[("url", "redis://me:hunter2@x")]).unwrap();
        let shown = format!("{options:?}");
        assert!(!shown.contains("hunter2") && shown.contains("6379"), "{shown}");
    }
}
