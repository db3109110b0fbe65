use std::fs;

use tempfile::TempDir;

use crate::server::Launch;
use crate::{Server, ServerError, program};

/// A fast S3 server that checks signatures and hashes, and keeps objects as files, unsynced. It heeds conditions, but not
/// where two requests arrive at once: for benchmarks, never for races.
#[derive(Debug)]
pub struct S3Fs {
    /// Its process.
    pub server: Server,
    dir: TempDir,
}

impl S3Fs {
    /// The access key's id.
    pub const ACCESS_KEY: &str = "mirrorbox-access";
    /// The secret of the access key.
    pub const SECRET_KEY: &str = "mirrorbox-secret";

    /// Starts one without buckets. `cargo xtask bench --backends` installs it.
    pub fn start() -> Result<Self, ServerError> {
        let dir = tempfile::tempdir().map_err(ServerError::io("make a folder for s3s-fs"))?;
        let server = Server::start(Launch {
            // Only then does it say that it is ready.
            program: program::on_path("env")?,
            arguments: [
                "RUST_LOG=s3s_fs=info",
                &program::installed("s3s-fs")?.display().to_string(),
                "--host=127.0.0.1",
                "--port={port}",
                &format!("--access-key={}", Self::ACCESS_KEY),
                &format!("--secret-key={}", Self::SECRET_KEY),
                &dir.path().display().to_string(),
            ]
            .map(str::to_owned)
            .to_vec(),
            ready: "server is running at",
            user: None,
        })?;
        Ok(Self { server, dir })
    }

    /// `http://127.0.0.1:PORT`; buckets are in the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Makes a bucket.
    pub fn make_bucket(&self, name: &str) -> Result<(), ServerError> {
        fs::create_dir(self.dir.path().join(name)).map_err(ServerError::io(format!("make the bucket `{name}`")))
    }
}
