use std::fs;

use tempfile::TempDir;

use crate::server::Launch;
use crate::{Server, ServerError, program};

/// An S3 server that checks signatures and ignores conditions: a `PUT` that must not replace anything does.
#[derive(Debug)]
pub struct Rclone {
    /// Its process.
    pub server: Server,
    dir: TempDir,
}

impl Rclone {
    /// The access key's id.
    pub const ACCESS_KEY: &str = "mirrorbox-access";
    /// The secret of the access key.
    pub const SECRET_KEY: &str = "mirrorbox-secret";

    /// Starts one without buckets.
    pub fn start() -> Result<Self, ServerError> {
        let dir = tempfile::tempdir().map_err(ServerError::io("make a folder for rclone"))?;
        let keys = format!("{},{}", Self::ACCESS_KEY, Self::SECRET_KEY);
        let mut arguments = ["serve", "s3", "--config", "/dev/null", "--addr", "127.0.0.1:{port}"]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(["--auth-key".into(), keys, dir.path().display().to_string()]);
        let server = Server::start(Launch {
            program: program::installed("rclone")?,
            arguments,
            ready: "Starting s3 server on",
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::if_installed;

    #[test]
    fn who_does_not_sign_is_refused() {
        let Some(rclone) = if_installed(Rclone::start()).unwrap() else {
            return;
        };
        rclone.make_bucket("transcripts").unwrap();
        let mut connection = TcpStream::connect(rclone.server.address()).unwrap();
        let request = "GET /transcripts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}
