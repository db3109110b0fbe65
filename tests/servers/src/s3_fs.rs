use std::path::Path;
use std::{fs, io};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tempfile::TempDir;

use crate::server::Launch;
use crate::{Server, ServerError, program};

/// A fast S3 server that checks signatures and hashes, and keeps objects as files, unsynced. It heeds conditions, but
/// not where two requests arrive at once: for benchmarks, never for races.
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

    /// Moves all objects of a bucket into another one, behind the server's back: it walks through a whole bucket for
    /// each listing, so filling a large one by requests takes ever longer.
    pub fn move_objects(&self, from: &str, to: &str) -> Result<(), ServerError> {
        let dir = self.dir.path();
        let moved = merge(&dir.join(from), &dir.join(to)).and_then(|()| self.rename_metadata(from, to));
        moved.map_err(ServerError::io(format!("move the bucket `{from}` into `{to}`")))
    }

    /// What is known of an object lies beside the buckets, under both names.
    fn rename_metadata(&self, from: &str, to: &str) -> io::Result<()> {
        let [from, to] = [from, to].map(|bucket| format!(".bucket-{}.", BASE64_URL_SAFE_NO_PAD.encode(bucket)));
        for entry in fs::read_dir(self.dir.path())? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(object) = name.and_then(|name| name.strip_prefix(&from)) {
                fs::rename(&path, path.with_file_name(format!("{to}{object}")))?;
            }
        }
        Ok(())
    }
}

fn merge(from: &Path, into: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = into.join(entry.file_name());
        if place.is_dir() {
            merge(&entry.path(), &place)?;
        } else {
            fs::rename(entry.path(), place)?;
        }
    }
    Ok(())
}
