//! The server as the adapter sees it: kept connections, opened again when they break, and the nodes of a cluster.

use std::collections::HashMap;
use std::fmt;

use redis::{Script, Value};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::settings::{Node, Options};

/// A command that is sent from node to node more often than this meets a cluster that is being rearranged.
const REDIRECTIONS: usize = 8;

/// Remembering is cheap, but not free of limits.
const REMEMBERED: usize = 4096;

/// A server, or a cluster of them.
pub(crate) struct Server {
    options: Options,
    connections: HashMap<Node, Connection>,
    /// Which node has the keys of a hash tag, where it is not the first one.
    homes: HashMap<String, Node>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            connections: HashMap::new(),
            homes: HashMap::new(),
        }
    }

    /// A command on a key. It may be done twice: if a kept connection broke, nobody knows whether it was done.
    pub(crate) fn call(&mut self, key: &str, command: &[&[u8]]) -> Result<Value, Failure> {
        self.routed(key, |connection| connection.call(command))
    }

    /// As [`Server::call`], for a script.
    pub(crate) fn script(&mut self, source: &str, keys: &[&str], arguments: &[&[u8]]) -> Result<Value, Failure> {
        let (hash, count) = (Script::new(source).get_hash().to_owned(), keys.len().to_string());
        let mut command = vec![b"EVALSHA".as_slice(), hash.as_bytes(), count.as_bytes()];
        command.extend(keys.iter().map(|key| key.as_bytes()));
        command.extend_from_slice(arguments);
        self.routed(
            keys.first().copied().unwrap_or_default(),
            |connection| match connection.call(&command) {
                Err(failure) if failure.code() == "NOSCRIPT" => {
                    connection.call(&[b"SCRIPT", b"LOAD", source.as_bytes()])?;
                    connection.call(&command)
                }
                answer => answer,
            },
        )
    }

    /// The same command on several keys; in one round trip, unless they may be on several nodes.
    pub(crate) fn call_each(&mut self, keys: &[String], name: &str, arguments: &[&str]) -> Result<Vec<Value>, Failure> {
        let command = |key| {
            let mut command: Vec<&[u8]> = vec![name.as_bytes(), str::as_bytes(key)];
            command.extend(arguments.iter().map(|argument| argument.as_bytes()));
            command
        };
        if self.options.cluster {
            return keys.iter().map(|key| self.call(key, &command(key))).collect();
        }
        let commands: Vec<_> = keys.iter().map(|key| command(key)).collect();
        self.routed("", |connection| connection.call_all(&commands))
    }

    /// Does something on the node that has a key.
    fn routed<T>(&mut self, key: &str, ask: impl Fn(&mut Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let tag = hash_tag(key);
        let mut node = self.homes.get(tag).unwrap_or(&self.options.node).clone();
        let mut asking = false;
        for _ in 0..REDIRECTIONS {
            let failure = match self.on_node(&node, asking, &ask) {
                Err(failure) if self.options.cluster => failure,
                answer => return answer,
            };
            let Some(next) = redirection(&failure, &node) else {
                // Its keys may have moved to a node that lives.
                self.homes.remove(tag);
                return Err(failure);
            };
            asking = failure.code() == "ASK";
            if !asking {
                self.remember(tag, &next);
            }
            node = next;
        }
        self.on_node(&node, asking, &ask)
    }

    /// Does something on one node; once more on a new connection if a kept one was dead.
    fn on_node<T>(
        &mut self,
        node: &Node,
        asking: bool,
        ask: &impl Fn(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if let Some(mut kept) = self.connections.remove(node) {
            match attempt(&mut kept, asking, ask) {
                Err(Failure::Lost(..)) => {}
                answer => return self.keep(kept, answer),
            }
        }
        let mut fresh = Connection::open(node, &self.options)?;
        match attempt(&mut fresh, asking, ask) {
            Err(Failure::Lost(node, error)) => Err(Failure::Lost(node, error)),
            answer => self.keep(fresh, answer),
        }
    }

    fn keep<T>(&mut self, connection: Connection, answer: Result<T, Failure>) -> Result<T, Failure> {
        // After a failover the name leads elsewhere: look it up again.
        let demoted = matches!(&answer, Err(failure) if failure.code() == "READONLY");
        if !demoted {
            self.connections.insert(connection.node.clone(), connection);
        }
        answer
    }

    fn remember(&mut self, tag: &str, node: &Node) {
        if self.homes.len() > REMEMBERED {
            self.homes.clear();
        }
        self.homes.insert(tag.to_owned(), node.clone());
    }
}

fn attempt<T>(
    connection: &mut Connection,
    asking: bool,
    ask: &impl Fn(&mut Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if asking {
        connection.call(&[b"ASKING"])?;
    }
    ask(connection)
}

/// What decides about the node of a key.
fn hash_tag(key: &str) -> &str {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    tag.map_or(key, |(tag, _)| tag)
}

/// Where `MOVED <slot> <host>:<port>` and `ASK` lead. Without a host it is the node that said it.
fn redirection(failure: &Failure, from: &Node) -> Option<Node> {
    if !matches!(failure.code(), "MOVED" | "ASK") {
        return None;
    }
    let (host, port) = failure.detail().split_whitespace().last()?.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    Some(Node {
        host: if host.is_empty() { &from.host } else { host }.to_owned(),
        port: port.parse().ok()?,
    })
}
