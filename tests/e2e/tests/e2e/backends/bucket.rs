//! What an operator does to a bucket behind our backs: looks into it, removes from it.

use std::io::{Read, Write};
use std::net::TcpStream;

use mirrorbox_e2e::BUCKET;
use mirrorbox_servers::Moto;

/// The names of the first 1000 objects that begin like this.
pub(super) fn objects(moto: &Moto, prefix: &str) -> Vec<String> {
    let answer = request(moto, "GET", &format!("?list-type=2&prefix={prefix}"));
    let keys = answer.split("<Key>").skip(1);
    keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()))
        .collect()
}

pub(super) fn remove(moto: &Moto, object: &str) {
    let answer = request(moto, "DELETE", object);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

/// Who removes says who it is; nobody checks that.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=anybody/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, \
                      Signature=0";

fn request(moto: &Moto, method: &str, path: &str) -> String {
    let address = moto.server.address();
    let mut connection = TcpStream::connect(address).unwrap();
    write!(
        connection,
        "{method} /{BUCKET}/{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {SIGNED}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}
