//! What the manifest's `[config]` says, checked and put together.

mod parameters;

use std::fmt;
use std::time::Duration;

use mirrorbox_adapter::sockets::tls::{Check, TlsClient, TlsSettings};
use mirrorbox_adapter::sockets::{NO_SOCKETS, ServerUrl};
use mirrorbox_adapter::{Error, Result, Settings};

pub(crate) use mirrorbox_adapter::sockets::Address as Node;

use self::parameters::Parameters;

const FORM: &str = "redis://USER:PASSWORD@HOST:PORT/DATABASE";
const SENTINEL_FORM: &str = "redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/MASTER/DATABASE";
const DEFAULT_PREFIX: &str = "mirrorbox:";
const DEFAULT_PORT: u16 = 6379;
const DEFAULT_SENTINEL_PORT: u16 = 26379;
/// Shorter than a host waits for a call, so that the adapter can say what was wrong; shared by all hosts of the URL.
const CONNECT: Duration = Duration::from_secs(10);

/// Where the server is and how to be let in.
#[derive(Clone)]
pub(crate) struct Options {
    /// One at least: servers, seeds of a cluster, or Sentinels.
    pub(crate) nodes: Vec<Node>,
    pub(crate) topology: Topology,
    pub(crate) login: Login,
    pub(crate) database: u32,
    pub(crate) prefix: String,
    pub(crate) tls: Option<TlsClient>,
    /// For each of the nodes.
    pub(crate) patience: Duration,
}

/// How the server that has a key is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// Whichever of the nodes is a primary.
    Primary,
    /// A redirection to another node is followed.
    Cluster,
    /// The nodes are Sentinels, and say where it is.
    Sentinel { master: String, login: Login },
}

/// What lets one in.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    /// What to look at when it does not.
    pub(crate) hint: &'static str,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

impl fmt::Debug for Options {
    /// Without what lets one in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("nodes", &self.nodes)
            .field("topology", &self.topology)
            .field("database", &self.database)
            .field("prefix", &self.prefix)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// What the scheme says.
struct Scheme {
    tls: bool,
    sentinel: bool,
}

impl Options {
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let (url, scheme) = parse_url(&settings.required::<String>("url")?)?;
        let username: Option<String> = settings.optional("username")?;
        let password: Option<String> = settings.optional("password")?;
        let sentinel = Login {
            username: settings.optional("sentinel_username")?,
            password: settings.optional("sentinel_password")?,
            hint: "see the settings `sentinel_username` and `sentinel_password`",
        };
        let database: Option<u32> = settings.optional("database")?;
        let prefix = settings.or("prefix", DEFAULT_PREFIX.to_owned())?;
        let cluster = settings.or("cluster", false)?;
        let tls = TlsSettings::read(settings)?;
        settings.finish()?;

        let parameters = Parameters::read(&url)?;
        let (topology, database_path) = topology(&url, &scheme, &parameters, cluster, sentinel)?;
        let database = match (database, parameters.database, path_database(database_path)?) {
            (Some(database), ..) | (None, Some(database), _) => database,
            (None, None, database) => database,
        };
        let share = CONNECT / u32::try_from(url.addresses.len()).unwrap_or(u32::MAX).max(1);
        let options = Self {
            login: login(&url, &parameters, username, password),
            nodes: url.addresses,
            topology,
            database,
            prefix,
            tls: client(&scheme, &tls)?,
            patience: share,
        };
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        if self.nodes.is_empty() {
            return Err(misconfigured(format!("setting `url` names no host: {FORM}")));
        }
        if self.prefix.contains(['{', '}']) {
            return Err(misconfigured(
                "setting `prefix` holds a brace: in a cluster, braces decide about the node",
            ));
        }
        if self.topology == Topology::Cluster && self.database != 0 {
            return Err(misconfigured(
                "setting `database` is not 0, but a cluster has no other: leave it out",
            ));
        }
        Ok(())
    }
}

fn parse_url(text: &str) -> Result<(ServerUrl, Scheme)> {
    let word = text.trim().split("://").next().unwrap_or_default().to_ascii_lowercase();
    let scheme = match word.as_str() {
        "unix" | "redis+unix" | "redis+socket" | "redis-socket" => {
            return Err(misconfigured(format!("setting `url` cannot be used: {NO_SOCKETS}")));
        }
        word => Scheme {
            tls: word.starts_with("rediss") || word == "valkeys",
            sentinel: word.ends_with("sentinel"),
        },
    };
    let form = if scheme.sentinel { SENTINEL_FORM } else { FORM };
    let port = match scheme.sentinel {
        true => DEFAULT_SENTINEL_PORT,
        false => DEFAULT_PORT,
    };
    let url = ServerUrl::parse(text, form, port)?;
    match url.scheme.as_str() {
        "redis" | "rediss" | "valkey" | "valkeys" => {}
        "redis+sentinel" | "rediss+sentinel" | "redis-sentinel" | "rediss-sentinel" => {}
        _ => {
            return Err(misconfigured(
                "setting `url` begins neither with redis:// nor, for TLS, with rediss://, nor with redis+sentinel:// or \
                 rediss+sentinel://",
            ));
        }
    }
    Ok((url, scheme))
}

/// How the server is found, and which part of the path is the database.
fn topology<'a>(
    url: &'a ServerUrl,
    scheme: &Scheme,
    parameters: &Parameters,
    cluster: bool,
    login: Login,
) -> Result<(Topology, &'a [String])> {
    let path = url.path.as_slice();
    if scheme.sentinel {
        if cluster {
            return Err(misconfigured(
                "setting `cluster` is true, but `url` names Sentinels, and no cluster has those: leave one out",
            ));
        }
        let (master, database) = match &parameters.master {
            Some(master) => (master, path),
            None => path
                .split_first()
                .ok_or_else(|| misconfigured(format!("setting `url` names no master: {SENTINEL_FORM}")))?,
        };
        let master = master.clone();
        return Ok((Topology::Sentinel { master, login }, database));
    }
    if parameters.master.is_some() || login.username.is_some() || login.password.is_some() {
        return Err(misconfigured(format!(
            "there are settings for Sentinels, but `url` names none: write {SENTINEL_FORM}"
        )));
    }
    let topology = if cluster { Topology::Cluster } else { Topology::Primary };
    Ok((topology, path))
}

fn path_database(path: &[String]) -> Result<u32> {
    let part = match path {
        [] => return Ok(0),
        [part] if part.is_empty() => return Ok(0),
        [part] => part,
        _ => "",
    };
    part.parse()
        .map_err(|_| misconfigured("setting `url` ends in a path that is not the number of a database"))
}

fn login(url: &ServerUrl, parameters: &Parameters, username: Option<String>, password: Option<String>) -> Login {
    let in_url = url.user.clone().or(parameters.username.clone());
    let password = password.or(url.password.clone()).or(parameters.password.clone());
    let hint = match (&username, &in_url, &password) {
        (_, _, None) => "set `password`: there is a user name only (a password alone is redis://:PASSWORD@HOST)",
        (None, Some(_), _) => {
            "the user name stands in `url`: where the server has one password for everybody, it has no other user and \
             the URL is redis://:PASSWORD@HOST; else see `url` and the setting `password`"
        }
        (Some(_), ..) => "see the settings `username` and `password`",
        (None, None, _) => "see the setting `password` and, if the server has users, `username`",
    };
    Login {
        username: username.or(in_url),
        password,
        hint,
    }
}

fn client(scheme: &Scheme, tls: &TlsSettings) -> Result<Option<TlsClient>> {
    match (scheme.tls, tls.any()) {
        (true, _) => tls.client(Check::Name).map(Some),
        (false, None) => Ok(None),
        (false, Some(name)) => Err(misconfigured(format!(
            "setting `{name}` is of no use without TLS: begin `url` with rediss://"
        ))),
    }
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
        let options = read(&[("url", "redis://me:p%40ss@db.internal:7000/3")]).unwrap();
        assert_eq!(options.nodes[0].to_string(), "db.internal:7000");
        assert_eq!(
            (options.login.username.as_deref(), options.login.password.as_deref()),
            (Some("me"), Some("p@ss"))
        );
        assert_eq!((options.database, options.prefix.as_str()), (3, "mirrorbox:"));
        assert!(options.tls.is_none() && options.topology == Topology::Primary);
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
        assert_eq!(options.nodes[0].to_string(), "[::1]:6379");
        assert_eq!(options.login.password.as_deref(), Some("new"));
        assert!(options.tls.is_some() && options.topology == Topology::Cluster && options.login.username.is_none());
    }

    #[test]
    fn sentinels_name_a_master() {
        let options = read(&[
            ("url", "redis+sentinel://:p@s1,s2:5/mymaster/2"),
            ("sentinel_password", "q"),
        ])
        .unwrap();
        let nodes: Vec<_> = options.nodes.iter().map(Node::to_string).collect();
        assert_eq!(nodes, ["s1:26379", "s2:5"]);
        assert_eq!(options.database, 2);
        let Topology::Sentinel { master, login } = options.topology else {
            panic!("{options:?}")
        };
        assert_eq!((master.as_str(), login.password.as_deref()), ("mymaster", Some("q")));
        let other = read(&[("url", "rediss+sentinel://s1/1?sentinelMasterId=m")]).unwrap();
        assert!(other.tls.is_some() && other.database == 1);
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_name_of_the_setting() {
        let refused: [(&str, &[(&str, &str)]); 15] = [
            ("`url`", &[]),
            ("`url`", &[("url", "hunter2")]),
            ("`url`", &[("url", "http://hunter2@x")]),
            ("`url`", &[("url", "redis://:hunter2@x/first")]),
            ("names no host", &[("url", "redis://:hunter2@/1")]),
            ("Unix socket", &[("url", "unix:///var/run/hunter2.sock")]),
            ("names no master", &[("url", "redis+sentinel://:hunter2@s1")]),
            ("Sentinels", &[("url", "redis://x"), ("sentinel_password", "hunter2")]),
            ("`cluster`", &[("url", "redis+sentinel://s/m"), ("cluster", "true")]),
            ("`prefix`", &[("url", "redis://x"), ("prefix", "{a}")]),
            ("`database`", &[("url", "redis://:hunter2@x/1"), ("cluster", "true")]),
            ("%23", &[("url", "redis://u:hunter2#@x")]),
            ("`ca`", &[("url", "redis://x"), ("ca", "hunter2")]),
            ("`fingerprint`", &[("url", "redis://x"), ("fingerprint", "sha256:00")]),
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
    fn the_page_names_every_setting() {
        let page = include_str!("../../../docs/adapters/redis.md");
        let complete = [("url", "redis://x")];
        mirrorbox_adapter_rules::page::names_every_setting(page, &complete, |settings| {
            Options::read(settings).map(drop)
        });
    }

    #[test]
    fn debug_shows_no_secret() {
        let options = read(&[
            ("url", "redis+sentinel://me:hunter2@x/m"),
            ("sentinel_password", "hunter2"),
        ])
        .unwrap();
        let shown = format!("{options:?}");
        assert!(!shown.contains("hunter2") && shown.contains("26379"), "{shown}");
    }
}
