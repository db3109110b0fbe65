//! The network as one adapter sees it: what its manifest grants, and nothing else.
//!
//! | module | what |
//! | --- | --- |
//! | `resolver` | names looked up for HTTP, a few at a time |
//! | `names` | the addresses that an instance was told for a name |
//! | `lookup` | `wasi:sockets/ip-name-lookup` under the policy |
//! | `reactor` | the thread that kept connections live on |
//! | `http` | `wasi:http` over kept connections |
//!
//! Every way out asks [`NetworkPolicy`]. A guest learns that it was refused; why, and what would allow it, is logged.

mod http;
mod lookup;
mod names;
mod reactor;
mod resolver;

use std::net::SocketAddr;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi_http::WasiHttpView;

pub(super) use http::Requests;
pub(super) use lookup::{LookupView, Lookups};
pub(super) use reactor::Reactor;
pub(super) use resolver::SIDE_BY_SIDE as LOOKUPS;

use super::AdapterError;
use super::budget::AdapterShare;
use super::log::GuestLog;
use crate::config::Manifest;
use crate::config::network::{NetworkPolicy, Refusal};
use http::Client;
use names::ResolvedNames;

/// Puts what asks the policy before what wasmtime links.
pub(super) fn add_to_linker<T: WasiHttpView>(
    linker: &mut Linker<T>,
    lookups: fn(&mut T) -> LookupView<'_>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    lookup::add_to_linker(linker, lookups)?;
    http::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What every instance of one adapter shares of the network.
#[derive(Debug)]
pub(super) struct Network {
    policy: Arc<NetworkPolicy>,
    client: Client,
    log: GuestLog,
}

impl Network {
    /// Fails where a granted file of certificates cannot be used.
    pub(super) fn new(
        manifest: &Manifest,
        share: Arc<AdapterShare>,
        reactor: &Reactor,
        log: GuestLog,
    ) -> Result<Arc<Self>, AdapterError> {
        let policy = Arc::new(manifest.policy());
        let idle = manifest.idle_connections.into();
        let client = Client::new(policy.clone(), idle, share, reactor.handle().clone(), log.clone())?;
        Ok(Arc::new(Self { policy, client, log }))
    }

    /// Lets an instance's sockets up to the address check, so that a refusal can say which address it was. What the
    /// instance looks up is known to the check.
    pub(super) fn sockets(self: &Arc<Self>, wasi: &mut WasiCtxBuilder) -> Lookups {
        let (network, names) = (self.clone(), ResolvedNames::default());
        let lookups = Lookups::new(self.clone(), names.clone());
        wasi.allow_tcp(true)
            .allow_udp(true)
            .allow_ip_name_lookup(true)
            .socket_addr_check(move |address, purpose| {
                let allowed = network.socket(address, purpose, &names);
                Box::pin(async move { allowed })
            });
        lookups
    }

    fn socket(&self, address: SocketAddr, purpose: SocketAddrUse, names: &ResolvedNames) -> bool {
        // What every connect begins with. Nothing can be reached, or reach it, through a port that is only bound.
        let is_wildcard = address.ip().is_unspecified() && address.port() == 0;
        match purpose {
            SocketAddrUse::TcpBind if is_wildcard => true,
            SocketAddrUse::TcpConnect => {
                let names = names.of(address.ip());
                self.allowed(self.policy.connect(address, &names))
            }
            _ => self.allowed(Err(Refusal {
                what: format!("a socket for {address} ({purpose:?})"),
                remedy: "no manifest allows UDP or a server".to_owned(),
            })),
        }
    }

    /// Whether something may be done; logs why not.
    fn allowed(&self, decision: Result<(), Refusal>) -> bool {
        match decision {
            Ok(()) => true,
            Err(refusal) => {
                self.log.refused(&refusal);
                false
            }
        }
    }
}
