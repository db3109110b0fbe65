//! Asking Sentinels where the primary is.

use redis::{Value, from_redis_value};

use crate::answer::unexpected;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::settings::{Login, Node, Options};

/// Where the first Sentinel that knows says that the primary is.
pub(crate) fn primary(options: &Options, master: &str, login: &Login) -> Result<Node, Failure> {
    let mut failures = Vec::new();
    for node in &options.nodes {
        match ask(node, options, master, login) {
            Ok(primary) => return Ok(primary),
            Err(failure) => failures.push(failure),
        }
    }
    Err(Failure::several(failures))
}

fn ask(node: &Node, options: &Options, master: &str, login: &Login) -> Result<Node, Failure> {
    let mut sentinel = Connection::to_sentinel(node, options, login)?;
    let command: [&[u8]; 3] = [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", master.as_bytes()];
    let answer = sentinel.call(&command).map_err(|failure| match failure {
        Failure::Refused(node, said) => Failure::Login(node, said, login.hint),
        failure => failure,
    })?;
    if answer == Value::Nil {
        return Err(Failure::NoMaster(node.clone()));
    }
    let (host, port): (String, String) = from_redis_value(answer).map_err(|error| strange(node, &error))?;
    let port = port.parse().map_err(|error| strange(node, &error))?;
    Ok(Node { host, port })
}

fn strange(node: &Node, what: &dyn std::fmt::Display) -> Failure {
    let text = unexpected(what).to_string();
    Failure::Lost(node.clone(), std::io::Error::other(text))
}
