//! What is known of a cluster: its nodes, and which of them has which keys.

use std::collections::HashMap;
use std::io::{self, ErrorKind};

use redis::{Value, from_redis_value};

use crate::failure::Failure;
use crate::settings::Node;

/// Remembering is cheap, but not free of limits.
const REMEMBERED: usize = 4096;

/// More nodes than that are not asked when one is away.
const NODES: usize = 64;

pub(crate) struct Cluster {
    /// Those that the URL names, then those that they told of.
    nodes: Vec<Node>,
    /// Which node has the keys of a hash tag, where it is not the first one.
    homes: HashMap<String, Node>,
}

impl Cluster {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        Self {
            nodes,
            homes: HashMap::new(),
        }
    }

    /// The node that is asked first about a hash tag.
    pub(crate) fn home(&self, tag: &str) -> Result<Node, Failure> {
        let node = self.homes.get(tag).or(self.nodes.first());
        node.cloned().ok_or_else(|| {
            let nobody = Node {
                host: String::new(),
                port: 0,
            };
            Failure::Lost(nobody, io::Error::from(ErrorKind::NotFound))
        })
    }

    /// Asks this one last from now on: it did not answer, and each session that was not met before would wait for it.
    pub(crate) fn put_last(&mut self, node: &Node) {
        if let Some(at) = self.nodes.iter().position(|known| known == node) {
            let node = self.nodes.remove(at);
            self.nodes.push(node);
        }
    }

    /// A node that has not been tried.
    pub(crate) fn other(&self, tried: &[Node]) -> Option<Node> {
        self.nodes.iter().find(|node| !tried.contains(node)).cloned()
    }

    pub(crate) fn remember(&mut self, tag: &str, node: &Node) {
        if self.homes.len() > REMEMBERED {
            self.homes.clear();
        }
        self.homes.insert(tag.to_owned(), node.clone());
        self.meet(node.clone());
    }

    pub(crate) fn forget(&mut self, tag: &str) {
        self.homes.remove(tag);
    }

    /// Takes in what `CLUSTER SLOTS` gave: ranges, each `[first, last, [host, port, …], [host, port, …], …]`.
    pub(crate) fn learn(&mut self, from: &Node, slots: Value) {
        let Value::Array(ranges) = slots else { return };
        for range in ranges {
            let Value::Array(range) = range else { continue };
            for node in range.into_iter().skip(2) {
                if let Some(node) = told(from, node) {
                    self.meet(node);
                }
            }
        }
    }

    fn meet(&mut self, node: Node) {
        if self.nodes.len() < NODES && !self.nodes.contains(&node) {
            self.nodes.push(node);
        }
    }
}

/// Without a host it is the node that said it. One that cannot be read is not needed.
fn told(from: &Node, node: Value) -> Option<Node> {
    let Value::Array(parts) = node else { return None };
    let mut parts = parts.into_iter();
    let host: Option<String> = from_redis_value(parts.next()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?");
    Some(Node {
        host: host.unwrap_or_else(|| from.host.clone()),
        port: from_redis_value(parts.next()?).ok()?,
    })
}

/// What decides about the node of a key.
pub(crate) fn hash_tag(key: &str) -> &str {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    tag.map_or(key, |(tag, _)| tag)
}

/// Where `MOVED <slot> <host>:<port>` and `ASK` lead. Without a host it is the node that said it.
pub(crate) fn redirection(failure: &Failure, from: &Node) -> Option<Node> {
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
