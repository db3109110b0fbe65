//! Starts a real Redis server for one test, and ends it.

use std::process::Command;

use tempfile::TempDir;

use crate::server::Launch;
use crate::{Certificates, Server, ServerError, program};

/// What differs from a plain server that syncs every write.
#[derive(Debug, Default)]
pub struct RedisOptions {
    /// What clients must say (`requirepass`): letters and digits.
    pub password: Option<String>,
    /// Rules of users, each as after `user` in an ACL file: `alice on >secret ~* +@all`.
    pub users: Vec<String>,
    /// The port speaks TLS, and nothing else.
    pub tls: Option<Certificates>,
    /// How much data it takes before it refuses writes, in bytes.
    pub max_memory: Option<u64>,
    /// Further settings: name and value.
    pub settings: Vec<(String, String)>,
}

/// A Redis server. Every write is synced to its append-only file, so that a kill loses nothing that was answered.
#[derive(Debug)]
pub struct Redis {
    /// Its process.
    pub server: Server,
    options: RedisOptions,
    _dir: TempDir,
}

impl Redis {
    /// Starts a plain one.
    pub fn start() -> Result<Self, ServerError> {
        Self::with(RedisOptions::default())
    }

    /// Starts one with these options.
    pub fn with(options: RedisOptions) -> Result<Self, ServerError> {
        let dir = tempfile::tempdir().map_err(ServerError::io("make a folder for Redis"))?;
        let mut arguments = options.arguments();
        arguments.extend(["--dir".into(), dir.path().display().to_string()]);
        let server = Server::start(Launch {
            program: program::on_path("redis-server")?,
            arguments,
            ready: "Ready to accept connections",
            user: None,
        })?;
        Ok(Self {
            server,
            options,
            _dir: dir,
        })
    }

    /// `redis://127.0.0.1:PORT`, with the password if there is one; `rediss://localhost:PORT` with TLS.
    pub fn url(&self) -> String {
        let password = self.options.password.as_ref();
        let credentials = password.map_or_else(String::new, |password| format!(":{password}@"));
        let (scheme, host) = match self.options.tls {
            Some(_) => ("rediss", "localhost"),
            None => ("redis", "127.0.0.1"),
        };
        format!("{scheme}://{credentials}{host}:{}", self.server.port())
    }

    /// The certificates, where it speaks TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.options.tls.as_ref()
    }

    /// Asks it something with `redis-cli`; what it answered.
    pub fn ask<'a>(&self, command: impl IntoIterator<Item = &'a str>) -> Result<String, ServerError> {
        let mut client = Command::new(program::on_path("redis-cli")?);
        let port = self.server.port().to_string();
        client.args(["-e", "-h", "localhost", "-p", &port]);
        if let Some(certificates) = &self.options.tls {
            client.args(["--tls", "--cacert"]).arg(certificates.ca_file());
        }
        if let Some(password) = &self.options.password {
            client.env("REDISCLI_AUTH", password);
        }
        program::output(client.args(command))
    }
}

impl RedisOptions {
    fn arguments(&self) -> Vec<String> {
        let mut settings: Vec<(&str, String)> = vec![
            ("bind", "127.0.0.1".into()),
            ("save", String::new()),
            ("appendonly", "yes".into()),
            ("appendfsync", "always".into()),
            ("maxmemory-policy", "noeviction".into()),
        ];
        match &self.tls {
            None => settings.push(("port", "{port}".into())),
            Some(certificates) => settings.extend([
                ("port", "0".into()),
                ("tls-port", "{port}".into()),
                ("tls-auth-clients", "no".into()),
                ("tls-ca-cert-file", certificates.ca_file().display().to_string()),
                ("tls-cert-file", certificates.certificate_file().display().to_string()),
                ("tls-key-file", certificates.key_file().display().to_string()),
            ]),
        }
        settings.extend(self.password.iter().map(|password| ("requirepass", password.clone())));
        settings.extend(self.max_memory.iter().map(|bytes| ("maxmemory", bytes.to_string())));
        let more = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let settings = settings.into_iter().chain(more);
        let mut arguments: Vec<_> = settings
            .flat_map(|(name, value)| [format!("--{name}"), value])
            .collect();
        for user in &self.users {
            arguments.push("--user".into());
            arguments.extend(user.split_whitespace().map(str::to_owned));
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::if_installed;

    fn started(options: RedisOptions) -> Option<Redis> {
        if_installed(Redis::with(options)).unwrap()
    }

    #[test]
    fn what_was_answered_survives_a_kill_and_a_restart_on_the_same_port() {
        let Some(mut redis) = started(RedisOptions::default()) else {
            return;
        };
        let port = redis.server.port();
        redis.ask(["SET", "key", "value"]).unwrap();
        redis.server.kill9();
        redis.ask(["GET", "key"]).unwrap_err();
        redis.server.restart().unwrap();
        assert_eq!(redis.server.port(), port);
        assert_eq!(redis.ask(["GET", "key"]).unwrap(), "value");
    }

    #[test]
    fn passwords_users_and_memory_are_as_they_were_asked_for() {
        let Some(redis) = started(RedisOptions {
            password: Some("secret".into()),
            users: vec!["reader on >word ~* +@read".into()],
            max_memory: Some(4 << 20),
            ..RedisOptions::default()
        }) else {
            return;
        };
        assert!(redis.ask(["ACL", "LIST"]).unwrap().contains("user reader on"));
        assert!(redis.ask(["CONFIG", "GET", "maxmemory"]).unwrap().contains("4194304"));
        let anonymous = format!("redis://127.0.0.1:{}", redis.server.port());
        let mut client = Command::new("redis-cli");
        let refused = program::output(client.args(["-e", "-u", &anonymous, "PING"])).unwrap_err();
        assert!(refused.to_string().contains("NOAUTH"), "{refused}");
    }

    #[test]
    fn the_authority_vouches_for_the_server() {
        let tls = Some(Certificates::new().unwrap());
        let Some(redis) = started(RedisOptions {
            tls,
            ..RedisOptions::default()
        }) else {
            return;
        };
        assert_eq!(redis.ask(["PING"]).unwrap(), "PONG");
        let port = redis.server.port().to_string();
        let mut stranger = Command::new("redis-cli");
        let stranger = stranger.args(["-e", "-h", "localhost", "-p", &port, "--tls", "--cacert"]);
        let other = Certificates::new().unwrap();
        program::output(stranger.arg(other.ca_file()).arg("PING")).unwrap_err();
    }

    #[test]
    fn a_paused_server_answers_once_it_is_resumed() {
        let Some(mut redis) = started(RedisOptions::default()) else {
            return;
        };
        redis.server.pause();
        let mut client = TcpStream::connect(redis.server.address()).unwrap();
        client.write_all(b"PING\r\n").unwrap();
        client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut answer = [0; 7];
        client.read(&mut answer).unwrap_err();
        redis.server.resume();
        client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
    }

    #[test]
    fn a_server_that_is_gone_leaves_no_process() {
        let Some(redis) = started(RedisOptions::default()) else {
            return;
        };
        let address = redis.server.address();
        drop(redis);
        TcpStream::connect(address).unwrap_err();
    }

    #[test]
    fn a_server_that_cannot_start_says_why() {
        let settings = vec![("no-such-setting".into(), "1".into())];
        let started = Redis::with(RedisOptions {
            settings,
            ..RedisOptions::default()
        });
        let Some(error) = if_installed(started.map(drop)).err().map(|error| error.to_string()) else {
            return;
        };
        assert!(error.contains("no-such-setting"), "{error}");
    }
}
