//! What stands behind the `?` of a URL: what clients for several languages take, and people paste.

use mirrorbox_adapter::sockets::ServerUrl;
use mirrorbox_adapter::{Error, Result, log};

use super::misconfigured;

/// What the adapter heeds of them.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) database: Option<u32>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    /// Of Sentinels.
    pub(super) master: Option<String>,
}

/// What makes no difference to what is stored: how other clients wait, name themselves and share connections.
const PASSED_OVER: [&str; 24] = [
    "client_name",
    "clientname",
    "connect_timeout",
    "decode_responses",
    "dial_timeout",
    "encoding",
    "family",
    "health_check_interval",
    "keepalive",
    "lib_name",
    "max_connections",
    "max_retries",
    "min_idle_conns",
    "pool_size",
    "pool_timeout",
    "protocol",
    "read_timeout",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
    "ssl_check_hostname",
    "timeout",
    "write_timeout",
];

impl Parameters {
    /// Refuses, by name, what the adapter does not know: it may say where transcripts go.
    pub(super) fn read(url: &ServerUrl) -> Result<Self> {
        let mut parameters = Self::default();
        for (name, value) in &url.parameters {
            let lower = name.to_ascii_lowercase();
            match (lower.as_str(), value.as_str()) {
                ("db" | "database", number) => {
                    let number = number
                        .parse()
                        .map_err(|_| refused(name, "it is not the number of a database"))?;
                    parameters.database = Some(number);
                }
                ("user" | "username", user) => parameters.username = Some(user.to_owned()),
                ("password", password) => parameters.password = Some(password.to_owned()),
                ("master" | "master_name" | "sentinelmasterid" | "service_name", master) => {
                    parameters.master = Some(master.to_owned());
                }
                ("ssl_cert_reqs", "required" | "CERT_REQUIRED") => {}
                // What is checked cannot be less than that.
                ("ssl_check_hostname", "false" | "False" | "0") => return Err(unchecked(name)),
                (lower, _) if PASSED_OVER.contains(&lower) => {
                    log::warn("open", format_args!("{} of setting `url` is passed over", shown(name)))
                }
                (lower, _) => return Err(instead(name, lower)),
            }
        }
        Ok(parameters)
    }
}

fn unchecked(name: &str) -> Error {
    refused(
        name,
        "certificates are always checked: say `ca`, `server_name`, or trust the very certificate with `fingerprint`",
    )
}

fn instead(name: &str, lower: &str) -> Error {
    match lower {
        "ssl_cert_reqs" | "insecure" | "skip_verify" | "tls_insecure_skip_verify" => unchecked(name),
        "ssl_ca_certs" | "ssl_ca_data" | "ssl_ca_path" => {
            refused(name, "write `ca = { file = \"PATH\" }` beside `url`")
        }
        "ssl_certfile" => refused(name, "write `cert = { file = \"PATH\" }` beside `url`"),
        "ssl_keyfile" => refused(name, "write `key = { file = \"PATH\" }` beside `url`"),
        "ssl" | "tls" => refused(name, "begin `url` with rediss:// for TLS, with redis:// for none"),
        "cluster" => refused(name, "set `cluster = \"true\"` beside `url`"),
        "prefix" => refused(name, "set `prefix` beside `url`"),
        _ => refused(name, "it is not known here: leave it out"),
    }
}

fn refused(name: &str, instead: &str) -> Error {
    misconfigured(format!("{} of setting `url` cannot be used: {instead}", shown(name)))
}

/// A parameter's name, unless it may be a piece of something else.
fn shown(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    match name.len() <= 40 && name.bytes().all(plain) {
        true => format!("parameter `{name}`"),
        false => "a parameter with an odd name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    fn of(query: &str) -> Result<super::super::Options> {
        read(&[("url", &format!("rediss://:hunter2@db?{query}"))])
    }

    #[test]
    fn the_database_and_the_login_are_heeded() {
        assert_eq!(of("db=3").unwrap().database, 3);
        let options = of("username=me&protocol=3&ssl_cert_reqs=required&socket_timeout=5").unwrap();
        assert_eq!(options.login.username.as_deref(), Some("me"));
    }

    #[test]
    fn the_rest_is_refused_with_what_to_write_instead() {
        for (query, instead) in [
            ("db=three", "number"),
            ("ssl_cert_reqs=none", "`fingerprint`"),
            ("ssl_check_hostname=false", "`server_name`"),
            ("ssl_ca_certs=/x", "`ca = "),
            ("ssl_certfile=/x", "`cert = "),
            ("ssl_keyfile=/x", "`key = "),
            ("ssl=true", "rediss://"),
            ("cluster=true", "`cluster = "),
            ("no_such_thing=1", "leave it out"),
        ] {
            let error = of(query).unwrap_err();
            let (name, text) = (query.split('=').next().unwrap(), error.to_string());
            assert!(matches!(error, Error::Misconfigured(_)), "{text}");
            assert!(text.contains(&format!("`{name}`")) && text.contains(instead), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
