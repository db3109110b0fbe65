//! What stands behind the `?` of a URL: libpq's parameters, and those of other clients that people paste.

use std::time::Duration;

use mirrorbox_adapter::sockets::{Address, ServerUrl};
use mirrorbox_adapter::{Error, Result, log};
use tokio_postgres::config::ChannelBinding;

use super::{DEFAULT_PORT, misconfigured};

/// What the adapter heeds of them.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) sslmode: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
    pub(super) application_name: Option<String>,
    pub(super) options: Option<String>,
    pub(super) channel_binding: Option<ChannelBinding>,
    pub(super) connect_timeout: Option<Duration>,
    hosts: Option<String>,
    ports: Option<String>,
}

impl Parameters {
    /// Refuses, by name, what would change where transcripts go or who can read them; warns of what makes no
    /// difference.
    pub(super) fn read(url: &ServerUrl) -> Result<Self> {
        let mut parameters = Self::default();
        for (name, value) in &url.parameters {
            if !parameters.heed(name, value)? {
                refuse(name, value)?;
                log::warn("open", format_args!("{} of setting `url` is passed over", shown(name)));
            }
        }
        Ok(parameters)
    }

    /// Whether the adapter does what it says.
    fn heed(&mut self, name: &str, value: &str) -> Result<bool> {
        let text = Some(value.to_owned());
        match name {
            "sslmode" => self.sslmode = text,
            "ssl" if value == "true" => self.sslmode = Some("require".to_owned()),
            "user" => self.user = text,
            "password" => self.password = text,
            "dbname" => self.database = text,
            "host" | "hostaddr" => self.hosts = text,
            "port" => self.ports = text,
            "application_name" | "fallback_application_name" => self.application_name = text,
            "options" => self.options = text,
            "channel_binding" => {
                self.channel_binding = Some(match value {
                    "require" => ChannelBinding::Require,
                    "prefer" => ChannelBinding::Prefer,
                    "disable" => ChannelBinding::Disable,
                    _ => return Err(refused(name, "it is not one of `require`, `prefer`, `disable`")),
                });
            }
            "connect_timeout" => {
                let seconds = value.parse().map_err(|_| refused(name, "it is no number of seconds"))?;
                // As in libpq, 0 is no limit but the call's.
                self.connect_timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            // Batches are stored and read on the primary, whichever of the hosts that is.
            "target_session_attrs" if matches!(value, "any" | "read-write" | "primary") => {}
            "sslrootcert" if value == "system" => {}
            "sslnegotiation" if value == "postgres" => {}
            // No statement outlives its transaction, so there is nothing to change for a pooler.
            "pgbouncer" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The hosts before the path or, if it has none, those of the parameters.
    pub(super) fn addresses(&self, url: &ServerUrl) -> Result<Vec<Address>> {
        if !url.addresses.is_empty() {
            return Ok(url.addresses.clone());
        }
        let hosts = self.hosts.as_deref().filter(|hosts| !hosts.is_empty());
        let hosts = hosts.ok_or_else(|| misconfigured("setting `url` names no host: postgres://USER@HOST/DATABASE"))?;
        if hosts.starts_with(['/', '@']) {
            return Err(refused("host", mirrorbox_adapter::sockets::NO_SOCKETS));
        }
        let ports: Vec<&str> = self.ports.as_deref().unwrap_or_default().split(',').collect();
        let address = |(at, host): (usize, &str)| {
            // One port is that of all hosts.
            let port = ports.get(at).or(ports.first()).copied().unwrap_or_default();
            let port = match port {
                "" => DEFAULT_PORT,
                port => port
                    .parse()
                    .map_err(|_| refused("port", "it is no number from 1 to 65535"))?,
            };
            Ok(Address {
                host: host.to_owned(),
                port,
            })
        };
        hosts.split(',').enumerate().map(address).collect()
    }
}

/// What must not be passed over in silence, and what to write instead.
fn refuse(name: &str, value: &str) -> Result<()> {
    let instead = match name {
        "sslrootcert" => "a component reads no files of yours: write `ca = { file = \"PATH\" }` beside `url`",
        "sslcert" => "write `cert = { file = \"PATH\" }` beside `url`",
        "sslkey" => "write `key = { file = \"PATH\" }` beside `url`",
        "sslpassword" => "decrypt the key: openssl pkey -in FILE -out FILE",
        "sslcrl" | "sslcrldir" => "lists of revoked certificates are not read: pin the certificate with `fingerprint`",
        "ssl" => "write `sslmode` instead: `verify-full` or `disable`",
        "sslnegotiation" => "TLS begins as `postgres` has it: leave it out",
        "passfile" => "write `password = { file = \"PATH\" }` beside `url`",
        "service" | "servicefile" => "write what the service stands for into `url`",
        "schema" | "currentSchema" | "search_path" => "set `schema` beside `url`",
        "target_session_attrs" => "only the primary can be written to: `read-write` or `primary`, or leave it out",
        "require_auth" | "replication" => "leave it out",
        "gssencmode" if value == "require" => "there is no GSSAPI: leave it out, and set `sslmode`",
        _ => return Ok(()),
    };
    Err(refused(name, instead))
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
        read(&[("url", &format!("postgres://me:hunter2@db/d?{query}"))])
    }

    #[test]
    fn what_libpq_knows_is_heeded() {
        let options =
            of("application_name=mine&options=-c%20geqo%3Doff&channel_binding=require&connect_timeout=3").unwrap();
        assert_eq!(options.config.get_application_name(), Some("mine"));
        assert_eq!(options.config.get_options(), Some("-c geqo=off"));
        assert_eq!(options.config.get_channel_binding(), ChannelBinding::Require);
        assert_eq!(options.connect_timeout, Duration::from_secs(3));
        for attributes in ["any", "read-write", "primary"] {
            of(&format!("target_session_attrs={attributes}")).unwrap();
        }
    }

    #[test]
    fn hosts_and_login_may_be_parameters() {
        let url = "postgres:///?host=a,b&port=1,2&user=me&password=p&dbname=d";
        let options = read(&[("url", url)]).unwrap();
        let hosts: Vec<_> = options.addresses.iter().map(Address::to_string).collect();
        assert_eq!(hosts, ["a:1", "b:2"]);
        assert_eq!(options.config.get_user(), Some("me"));
        assert_eq!(options.config.get_dbname(), Some("d"));
    }

    #[test]
    fn what_makes_no_difference_is_passed_over() {
        for query in [
            "pgbouncer=true",
            "keepalives=1",
            "connection_limit=5",
            "sslrootcert=system",
            "no_such_thing=1",
        ] {
            of(query).unwrap();
        }
    }

    #[test]
    fn what_would_make_one_is_refused_with_what_to_write_instead() {
        for (query, instead) in [
            ("sslrootcert=/x/ca.pem", "`ca = "),
            ("sslcert=c", "`cert = "),
            ("sslkey=k", "`key = "),
            ("schema=mine", "`schema`"),
            ("target_session_attrs=standby", "`read-write`"),
            ("channel_binding=maybe", "`require`"),
            ("connect_timeout=soon", "seconds"),
            ("service=prod", "`url`"),
            ("ssl=maybe", "`sslmode`"),
        ] {
            let error = of(query).unwrap_err();
            let (name, text) = (query.split('=').next().unwrap(), error.to_string());
            assert!(matches!(error, Error::Misconfigured(_)), "{text}");
            assert!(text.contains(&format!("`{name}`")) && text.contains(instead), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let socket = read(&[("url", "postgres:///d?host=/var/run/postgresql&user=me")]).unwrap_err();
        assert!(socket.to_string().contains("Unix socket"), "{socket}");
    }
}
