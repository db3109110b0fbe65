use std::fs;

use tempfile::TempDir;

use crate::server::Launch;
use crate::{Server, ServerError, program};

/// A Sentinel that watches one primary of Redis, and decides alone about a failover.
#[derive(Debug)]
pub struct Sentinel {
    /// Its process.
    pub server: Server,
    _dir: TempDir,
}

impl Sentinel {
    /// Watches the primary on that port of 127.0.0.1 under that name. With a password, clients must say it
    /// (`requirepass`).
    pub fn of(master: &str, port: u16, password: Option<&str>) -> Result<Self, ServerError> {
        let dir = tempfile::tempdir().map_err(ServerError::io("make a folder for a Sentinel"))?;
        let file = dir.path().join("sentinel.conf");
        let password = password.map_or_else(String::new, |password| format!("requirepass {password}\n"));
        let config = format!(
            "sentinel monitor {master} 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds {master} 500\n\
             sentinel failover-timeout {master} 5000\n{password}"
        );
        // It writes down there what it learns.
        fs::write(&file, config).map_err(ServerError::io(format!("write {}", file.display())))?;
        let file = file.display().to_string();
        let arguments = [&file, "--sentinel", "--port", "{port}", "--bind", "127.0.0.1"];
        let server = Server::start(Launch {
            program: program::on_path("redis-server")?,
            arguments: arguments.map(str::to_owned).to_vec(),
            ready: "+monitor master",
            user: None,
        })?;
        Ok(Self { server, _dir: dir })
    }
}
