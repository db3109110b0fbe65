//! Whether a server can keep the contract, and what about it is worth a warning.

use std::collections::HashMap;

use mirrorbox_adapter::{Error, Result, log};
use redis::{Value, from_redis_value};

use crate::answer::unexpected;
use crate::server::Server;
use crate::settings::{Options, Topology};

/// Trimming by number came with this one.
const OLDEST: (u32, u32) = (6, 2);

/// Asks the server once what it is.
pub(crate) fn server(server: &mut Server, options: &Options) -> Result<()> {
    let info = match server.call("", &[b"INFO"]) {
        Err(failure) if failure.is_forbidden() => {
            log::warn(
                "open",
                "INFO is not allowed: whether the server is a primary, keeps what it has on disk and evicts nothing is not \
                 checked",
            );
            return Ok(());
        }
        answer => answer?,
    };
    let info: String = from_redis_value(info).map_err(unexpected)?;
    let facts: HashMap<_, _> = info.lines().filter_map(|line| line.split_once(':')).collect();
    let fact = |name| facts.get(name).copied().unwrap_or_default();

    version(fact("redis_version"))?;
    if fact("redis_mode") == "sentinel" {
        return Err(Error::Misconfigured(format!(
            "at {} listens a Sentinel, which keeps no data: write redis+sentinel://HOST:PORT/MASTER into `url`, and grant \
             the servers too",
            nodes(options)
        )));
    }
    if fact("cluster_enabled") == "1" && options.topology != Topology::Cluster {
        return Err(Error::Misconfigured(format!(
            "Redis at {} is a cluster's node: set `cluster` to true and grant every node",
            nodes(options)
        )));
    }
    if !matches!(fact("maxmemory_policy"), "noeviction" | "") {
        log::warn(
            "open",
            format_args!(
                "maxmemory-policy is {}: what is full will lose transcripts; set it to noeviction",
                fact("maxmemory_policy")
            ),
        );
    }
    if fact("aof_enabled") == "0" {
        log::warn(
            "open",
            "appendonly is off: a crash of the server loses what it has not saved; set it to yes, with appendfsync always",
        );
    }
    if fact("aof_enabled") == "1"
        && let Some(said) = answers_early(server)?
    {
        log::warn(
            "open",
            format_args!(
                "appendfsync is {said}: a crash of the server loses what it answered just before; set it to always"
            ),
        );
    }
    Ok(())
}

/// What `appendfsync` is, if with it an answer comes before what it says is on disk.
pub(crate) fn answers_early(server: &mut Server) -> Result<Option<String>> {
    let said = match server.call("", &[b"CONFIG", b"GET", b"appendfsync"]) {
        // Providers keep their settings to themselves; then there is nothing to say about them.
        Err(failure) if failure.is_forbidden() => return Ok(None),
        answer => answer?,
    };
    let mut said: HashMap<String, String> = from_redis_value(said).map_err(unexpected)?;
    Ok(said.remove("appendfsync").filter(|said| said != "always"))
}

fn nodes(options: &Options) -> String {
    let nodes: Vec<_> = options.nodes.iter().map(ToString::to_string).collect();
    nodes.join(", ")
}

fn version(said: &str) -> Result<()> {
    let mut parts = said.split('.').map(|part| part.parse().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    // A server that hides its version is tried.
    if said.is_empty() || version >= OLDEST {
        return Ok(());
    }
    Err(Error::Misconfigured(format!(
        "the server of setting `url` is Redis {said}: 6.2 or later is needed"
    )))
}

/// Whether scripts may run at all, on a key that this adapter uses.
pub(crate) fn scripts(server: &mut Server, key: &str) -> Result<()> {
    match server.script("return 1", &[key], &[])? {
        Value::Int(1) => Ok(()),
        other => Err(unexpected(format!("{other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_is_known_to_be_too_old_is_refused() {
        for good in ["6.2.0", "7.0.15", "8.1.0", "10.0", ""] {
            assert_eq!(version(good), Ok(()), "{good}");
        }
        for old in ["6.0.16", "5.0.14", "2.8"] {
            assert!(matches!(version(old), Err(Error::Misconfigured(_))), "{old}");
        }
    }
}
