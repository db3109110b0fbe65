//! The server as the adapter sees it: kept connections, opened again when they break, and the nodes of a cluster.

use std::collections::HashMap;
use std::fmt;

use redis::{Script, Value};

use crate::cluster::{self, Cluster};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::sentinel;
use crate::settings::{Node, Options, Topology};

/// A command that is sent from node to node more often than this meets a cluster that is being rearranged.
const REDIRECTIONS: usize = 8;

/// A server, or a cluster of them.
pub(crate) struct Server {
    options: Options,
    connections: HashMap<Node, Connection>,
    /// Outside of a cluster: the node that was the primary when it was last looked for.
    primary: Option<Node>,
    cluster: Cluster,
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
            cluster: Cluster::new(options.nodes.clone()),
            options,
            connections: HashMap::new(),
            primary: None,
        }
    }

    /// Learns the nodes of a cluster, so that any of those that are named may be away later.
    pub(crate) fn learn(&mut self) -> Result<(), Failure> {
        if self.options.topology != Topology::Cluster {
            return Ok(());
        }
        match self.routed("", |connection| {
            Ok((connection.node.clone(), connection.call(&[b"CLUSTER", b"SLOTS"])?))
        }) {
            Ok((from, slots)) => {
                self.cluster.learn(&from, slots);
                Ok(())
            }
            // Redirections tell the nodes, too, one by one.
            Err(failure) if failure.is_forbidden() => Ok(()),
            Err(failure) => Err(failure),
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
                    match connection.call(&[b"SCRIPT", b"LOAD", source.as_bytes()]) {
                        Ok(_) => connection.call(&command),
                        Err(failure) if failure.is_forbidden() => {
                            let whole = [
                                &[b"EVAL".as_slice(), source.as_bytes()],
                                command.get(2..).unwrap_or_default(),
                            ];
                            connection.call(&whole.concat())
                        }
                        Err(failure) => Err(failure),
                    }
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
        if self.options.topology == Topology::Cluster {
            return keys.iter().map(|key| self.call(key, &command(key))).collect();
        }
        let commands: Vec<_> = keys.iter().map(|key| command(key)).collect();
        self.routed("", |connection| connection.call_all(&commands))
    }

    /// Does something on the node that has a key.
    fn routed<T>(&mut self, key: &str, ask: impl Fn(&mut Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        match self.options.topology {
            Topology::Cluster => self.in_cluster(cluster::hash_tag(key), ask),
            Topology::Primary | Topology::Sentinel { .. } => self.on_primary(ask),
        }
    }

    fn on_primary<T>(&mut self, ask: impl Fn(&mut Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let first = self.primary.clone();
        let node = self.locate()?;
        match self.on_node(&node, false, &ask) {
            Err(failure) if failure.is_elsewhere() => {
                self.primary = None;
                // Looked for just now, or there is no other place to look.
                let is_only = self.options.nodes.len() == 1 && self.options.topology == Topology::Primary;
                if first.is_none() || (is_only && failure.code() != "READONLY") {
                    return Err(failure);
                }
            }
            answer => return answer,
        }
        let node = self.locate()?;
        self.on_node(&node, false, &ask)
    }

    /// The node that is the primary.
    fn locate(&mut self) -> Result<Node, Failure> {
        if let Some(node) = &self.primary {
            return Ok(node.clone());
        }
        let node = match (&self.options.topology, self.options.nodes.as_slice()) {
            (Topology::Sentinel { master, login }, _) => sentinel::primary(&self.options, master, login)?,
            // Whether it is one is seen when it is asked.
            (_, [node]) => node.clone(),
            _ => self.first_primary()?,
        };
        self.primary = Some(node.clone());
        Ok(node)
    }

    fn first_primary(&mut self) -> Result<Node, Failure> {
        let mut failures = Vec::new();
        for node in &self.options.nodes {
            match Connection::open(node, &self.options) {
                Ok(connection) => {
                    self.connections.insert(node.clone(), connection);
                    return Ok(node.clone());
                }
                Err(failure) => failures.push(failure),
            }
        }
        Err(Failure::several(failures))
    }

    fn in_cluster<T>(&mut self, tag: &str, ask: impl Fn(&mut Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut away = Vec::new();
        // Why the first node that was away was: what is wrong, if the others do not help.
        let mut lost = None;
        let mut node = self.cluster.home(tag)?;
        let mut asking = false;
        for _ in 0..REDIRECTIONS {
            let failure = match self.on_node(&node, asking, &ask) {
                Err(failure) => failure,
                answer => return answer,
            };
            asking = failure.code() == "ASK";
            node = match cluster::redirection(&failure, &node) {
                // Its keys have a new home only once the others agree that it is gone.
                Some(next) if away.contains(&next) => return Err(lost.unwrap_or(failure)),
                Some(next) => {
                    if !asking {
                        self.cluster.remember(tag, &next);
                    }
                    next
                }
                None => {
                    // Its keys may have moved to a node that lives.
                    self.cluster.forget(tag);
                    if !matches!(failure, Failure::Lost(..)) {
                        return Err(failure);
                    }
                    self.cluster.put_last(&node);
                    away.push(node);
                    let first = lost.take().unwrap_or(failure);
                    let Some(next) = self.cluster.other(&away) else {
                        return Err(first);
                    };
                    lost = Some(first);
                    next
                }
            };
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
        if let Some(mut kept) = self.connections.remove(node)
            && kept.is_alive()
        {
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
