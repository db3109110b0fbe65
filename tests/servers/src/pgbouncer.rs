use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use tempfile::TempDir;

use crate::postgres::owner;
use crate::server::Launch;
use crate::{Server, ServerError, program};

/// It cannot be told its port but in its file.
const START: &str = "sed \"s/@PORT@/{port}/\" \"$1\" >\"$1.now\" && exec \"$0\" \"$1.now\"";

/// A PgBouncer before a PostgreSQL server, with one connection to it for each user and database.
#[derive(Debug)]
pub struct PgBouncer {
    /// Its process.
    pub server: Server,
    _dir: TempDir,
}

impl PgBouncer {
    /// Before the server on that port of 127.0.0.1, for its database `postgres`. `mode` is `session` or `transaction`;
    /// the users with their passwords are those that it lets in, by SCRAM.
    pub fn before(port: u16, mode: &str, users: &[(&str, &str)]) -> Result<Self, ServerError> {
        let dir = tempfile::tempdir().map_err(ServerError::io("make a folder for PgBouncer"))?;
        let path = |name: &str| dir.path().join(name);
        let list: String = users
            .iter()
            .map(|(user, password)| format!("\"{user}\" \"{password}\"\n"))
            .collect();
        let config = format!(
            "[databases]\npostgres = host=127.0.0.1 port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = \
             @PORT@\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\n\
             default_pool_size = 1\n",
            path("users").display()
        );
        let user = owner()?;
        for (name, content) in [("users", &list), ("pgbouncer.ini", &config)] {
            let file = path(name);
            let written =
                fs::write(&file, content).and_then(|()| fs::set_permissions(&file, Permissions::from_mode(0o600)));
            written.map_err(ServerError::io(format!("write {}", file.display())))?;
        }
        if let Some(user) = &user {
            for file in [dir.path().to_owned(), path("users"), path("pgbouncer.ini")] {
                chown(&file, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                    .map_err(ServerError::io(format!("give {} away", file.display())))?;
            }
        }
        let program = program::on_path("pgbouncer")?.display().to_string();
        let server = Server::start(Launch {
            program: program::on_path("sh")?,
            arguments: vec![
                "-c".into(),
                START.into(),
                program,
                path("pgbouncer.ini").display().to_string(),
            ],
            ready: "process up",
            user,
        })?;
        Ok(Self { server, _dir: dir })
    }
}
