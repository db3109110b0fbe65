//! Server URLs with their parts decoded; an error quotes nothing of them, since a part may be a password.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::{Error, Result};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// A name or an address; an IPv6 address has no brackets here.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A server's URL, as people paste it: `SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT/PATH?NAME=VALUE`, all decoded.
///
/// Errors are [`Error::Misconfigured`], name the setting `url` and quote nothing of it, since any part may be a piece
/// of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// What stands before `://`, in lower case.
    pub scheme: String,
    /// Absent where it is empty.
    pub user: Option<String>,
    /// Absent where it is empty.
    pub password: Option<String>,
    /// Empty where the URL names none.
    pub addresses: Vec<Address>,
    /// The parts of the path; empty if it is missing.
    pub path: Vec<String>,
    /// What follows the `?`, in order.
    pub parameters: Vec<(String, String)>,
}

impl fmt::Debug for ServerUrl {
    /// Without what lets one in, which may stand in a parameter too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerUrl")
            .field("scheme", &self.scheme)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl ServerUrl {
    /// Reads a URL. `form` is what a right one looks like, for errors; `port` stands in for one that is left out.
    pub fn parse(text: &str, form: &str, port: u16) -> Result<Self> {
        let wrong = |what: &str| misconfigured(format!("setting `url` is not {form}: {what}"));
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .ok_or_else(|| wrong("it does not begin with a scheme and `://`"))?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let holds_password = has_password_behind(rest);
        if holds_password && !authority.contains('@') {
            return Err(unencoded());
        }
        if rest.contains('#') {
            return Err(wrong("a `#` that is part of a name or password is written %23"));
        }
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let addresses = addresses(hosts, port).map_err(|what| match holds_password {
            true => unencoded(),
            false => wrong(&what),
        })?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.trim_start_matches('/');
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: Some(decoded(user)?).filter(|user| !user.is_empty()),
            password: Some(decoded(password)?).filter(|password| !password.is_empty()),
            addresses,
            path: match path {
                "" => Vec::new(),
                _ => path.split('/').map(decoded).collect::<Result<_>>()?,
            },
            parameters: parameters(query)?,
        })
    }
}

/// Whether what should be path and parameters looks like the rest of a password, followed by `@` and a host.
fn has_password_behind(rest: &str) -> bool {
    let Some(at) = rest.find('@') else { return false };
    let before = rest.get(..at).unwrap_or_default();
    // Behind `NAME=`, an `@` may be part of a parameter's value.
    !before.contains('?') || before.contains('#') || !before.contains('=')
}

fn unencoded() -> Error {
    misconfigured(
        "setting `url` seems to hold a password with `/`, `?` or `#` in it: percent-encode them (%2F, %3F, %23), or \
         leave the password out of `url` and set `password`",
    )
}

fn addresses(hosts: &str, port: u16) -> Result<Vec<Address>, String> {
    if hosts.is_empty() {
        return Ok(Vec::new());
    }
    hosts.split(',').map(|host| address(host, port)).collect()
}

/// `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
fn address(text: &str, default_port: u16) -> Result<Address, String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a `[` is not closed")?;
            (host, rest.strip_prefix(':'))
        }
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let host = decoded(host).map_err(|_| "a host is not UTF-8")?;
    if host.starts_with(['/', '@']) {
        return Err(NO_SOCKETS.to_owned());
    }
    if host.is_empty() || host.contains(|character: char| character.is_whitespace() || "/\\%@".contains(character)) {
        return Err("one of its hosts is no name and no address".to_owned());
    }
    let port = match port {
        None | Some("") => default_port,
        Some(port) => port.parse().map_err(|_| {
            "a port is not a number from 1 to 65535 (an IPv6 address stands in brackets; `/`, `?`, `#` in a password \
             are percent-encoded)"
        })?,
    };
    Ok(Address { host, port })
}

/// What is wrong where a path of a Unix socket stands for a host, and what to do.
pub const NO_SOCKETS: &str = "it names a Unix socket, which an adapter cannot reach: let the server listen on TCP \
     (127.0.0.1) and write that address";

fn parameters(query: &str) -> Result<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(part: &str) -> Result<String> {
    let text = percent_decode_str(part).decode_utf8();
    text.map(|text| text.into_owned())
        .map_err(|_| misconfigured("setting `url` has a part that is not UTF-8"))
}

fn misconfigured(text: impl Into<String>) -> Error {
    Error::Misconfigured(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ServerUrl> {
        ServerUrl::parse(text, "db://HOST", 7)
    }

    fn hosts(text: &str) -> Vec<String> {
        let url = parse(text).unwrap();
        url.addresses.iter().map(Address::to_string).collect()
    }

    #[test]
    fn every_part_is_decoded() {
        let url = parse("DB://me%40x:p%2F%23%3F%40@h:1/a%20b/c?n=1%262&m").unwrap();
        assert_eq!((url.scheme.as_str(), url.user.as_deref()), ("db", Some("me@x")));
        assert_eq!(url.password.as_deref(), Some("p/#?@"));
        assert_eq!(url.path, ["a b", "c"]);
        let wanted = [("n".to_owned(), "1&2".to_owned()), ("m".to_owned(), String::new())];
        assert_eq!(url.parameters, wanted);
        assert!(!format!("{url:?}").contains("p/#"));
    }

    #[test]
    fn hosts_may_be_several() {
        assert_eq!(hosts("db://h"), ["h:7"]);
        assert_eq!(hosts("db://me:a@b@h1,h2:9/x"), ["h1:7", "h2:9"]);
        assert_eq!(hosts("db://[::1]:5,[2001:db8::2]"), ["[::1]:5", "[2001:db8::2]:7"]);
        assert!(hosts("db:///x?host=h").is_empty());
    }

    #[test]
    fn an_at_sign_in_a_parameter_is_no_password() {
        let url = parse("db://h/d?application_name=a@b").unwrap();
        assert_eq!(url.parameters, [("application_name".to_owned(), "a@b".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_told_without_quoting_it() {
        let wrong = [
            ("hunter2", "`://`"),
            ("db://u:hunter2#w@h:1/d", "%23"),
            ("db://u:hunter2/w@h:1/d", "%2F"),
            ("db://u:hunter2?w@h:1/d", "%3F"),
            ("db://u:77#w@h:1/d", "%23"),
            ("db://u:77/w@h:1/d", "%2F"),
            ("db://u:p@h:hunter2/d", "a port"),
            ("db://u:p@h:70000", "a port"),
            ("db://u:p@fd00::1/d", "brackets"),
            ("db://u@%2Fvar%2Frun%2Fhunter2/d", "Unix socket"),
            ("db://u:p@h/d#hunter2", "%23"),
            ("db://u:p@a b/d", "no name"),
        ];
        for (text, word) in wrong {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("`url`") && error.contains(word), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
