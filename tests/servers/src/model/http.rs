//! As much of HTTP as the agent's command needs: one request for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Null where it is no JSON.
    pub(super) body: Value,
}

impl Request {
    pub(super) fn read(stream: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut words = first.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut len = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                len = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; len];
        reader.read_exact(&mut body)?;
        Ok(Self {
            method,
            path,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }
}

/// Answers with one JSON value.
pub(super) fn reply(mut stream: &TcpStream, value: &Value) -> io::Result<()> {
    let body = value.to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Answers with events, until the connection ends.
#[derive(Debug)]
pub(super) struct Events<'a> {
    stream: &'a TcpStream,
}

impl<'a> Events<'a> {
    pub(super) fn begin(mut stream: &'a TcpStream) -> io::Result<Self> {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        )?;
        Ok(Self { stream })
    }

    pub(super) fn send(&mut self, kind: &str, mut data: Value) -> io::Result<()> {
        data["type"] = json!(kind);
        write!(self.stream, "event: {kind}\ndata: {data}\n\n")
    }
}
