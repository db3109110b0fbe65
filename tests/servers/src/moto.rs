use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::server::Launch;
use crate::{Server, ServerError, program};

/// Runs moto, and mends what keeps it from being atomic.
const PROGRAM: &str = include_str!("moto.py");

/// An S3 server in memory that heeds conditions and checks no signature. A restart empties it.
#[derive(Debug)]
pub struct Moto {
    /// Its process.
    pub server: Server,
}

impl Moto {
    /// Starts one without buckets.
    pub fn start() -> Result<Self, ServerError> {
        // Without its own command there is a Python, but no moto.
        program::installed("moto_server")?;
        let server = Server::start(Launch {
            program: program::installed("python3")?,
            arguments: ["-c", PROGRAM, "-H", "127.0.0.1", "-p", "{port}"]
                .map(str::to_owned)
                .to_vec(),
            ready: "Running on http://",
            user: None,
        })?;
        Ok(Self { server })
    }

    /// `http://127.0.0.1:PORT`; buckets are in the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Makes a bucket.
    pub fn make_bucket(&self, name: &str) -> Result<(), ServerError> {
        let answer = self
            .put(name)
            .map_err(ServerError::io(format!("make the bucket `{name}`")))?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
        Err(ServerError::Failed {
            program: format!("PUT /{name}"),
            complaint: answer,
        })
    }

    fn put(&self, name: &str) -> std::io::Result<String> {
        put(self.server.address(), name, "")
    }
}

fn put(address: SocketAddr, name: &str, headers: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    write!(
        connection,
        "PUT /{name} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::if_installed;

    #[test]
    fn a_bucket_is_made_once() {
        let Some(moto) = if_installed(Moto::start()).unwrap() else {
            return;
        };
        moto.make_bucket("transcripts").unwrap();
        let bad_name = moto.make_bucket("x").unwrap_err().to_string();
        assert!(bad_name.contains("InvalidBucketName"), "{bad_name}");
    }

    #[test]
    fn of_writes_at_once_that_must_not_replace_one_succeeds() {
        let Some(moto) = if_installed(Moto::start()).unwrap() else {
            return;
        };
        moto.make_bucket("transcripts").unwrap();
        let address = moto.server.address();
        for round in 0..100 {
            let write = || put(address, &format!("transcripts/{round}"), "If-None-Match: *\r\n").unwrap();
            let answers =
                thread::scope(|scope| [scope.spawn(write), scope.spawn(write)].map(|one| one.join().unwrap()));
            let accepted = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200"));
            assert_eq!(accepted.count(), 1, "round {round}: {answers:?}");
        }
    }
}
