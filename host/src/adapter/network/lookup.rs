//! `wasi:sockets/ip-name-lookup` within the policy: names that no grant covers are not looked up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    self, Host as Lookup, HostResolveAddressStream, ResolveAddressStream,
};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddress, Network as NetworkHandle};
use wasmtime_wasi::p2::{DynPollable, SocketError};
use wasmtime_wasi::sockets::WasiSocketsCtxView;

use super::Network;
use super::names::ResolvedNames;
use crate::config::network::NetworkHost;

/// Links lookups under the policy.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    lookups: fn(&mut T) -> LookupView<'_>,
) -> wasmtime::Result<()> {
    ip_name_lookup::add_to_linker::<T, Checked>(linker, lookups)
}

/// The lookups of one instance: which are under way, and what they told it.
#[derive(Debug)]
pub(in crate::adapter) struct Lookups {
    network: Arc<Network>,
    names: ResolvedNames,
    /// The name behind each stream of answers, by the stream's handle.
    under_way: HashMap<u32, NetworkHost>,
}

impl Lookups {
    pub(super) fn new(network: Arc<Network>, names: ResolvedNames) -> Self {
        Self {
            network,
            names,
            under_way: HashMap::new(),
        }
    }

    /// Whether the guest may be told this answer, and connect there then.
    fn tell(&self, stream: u32, address: IpAddr) -> bool {
        let Some(name) = self.under_way.get(&stream) else {
            return false;
        };
        let told = self.network.allowed(self.network.policy.answer(name, address));
        if told {
            self.names.record(name, address);
        }
        told
    }
}

struct Checked;

impl HasData for Checked {
    type Data<'a> = LookupView<'a>;
}

/// What a call about names works on.
pub(in crate::adapter) struct LookupView<'a> {
    pub(in crate::adapter) sockets: WasiSocketsCtxView<'a>,
    pub(in crate::adapter) lookups: &'a mut Lookups,
}

/// What errors of lookups are converted with.
impl network::Host for LookupView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        self.sockets.convert_error_code(error)
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        self.sockets.network_error_code(error)
    }
}

impl network::HostNetwork for LookupView<'_> {
    fn drop(&mut self, network: Resource<NetworkHandle>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.sockets, network)
    }
}

impl Lookup for LookupView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<NetworkHandle>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        let Ok(host) = NetworkHost::parse(&name) else {
            return Err(ErrorCode::InvalidArgument.into());
        };
        if !self.lookups.network.allowed(self.lookups.network.policy.lookup(&host)) {
            return Err(ErrorCode::AccessDenied.into());
        }
        let stream = self.sockets.resolve_addresses(network, host.to_string())?;
        self.lookups.under_way.insert(stream.rep(), host);
        Ok(stream)
    }
}

impl HostResolveAddressStream for LookupView<'_> {
    /// Passes on the next answer that the policy lets through.
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        loop {
            let again = Resource::new_borrow(stream.rep());
            let Some(address) = self.sockets.resolve_next_address(again)? else {
                return Ok(None);
            };
            if self.lookups.tell(stream.rep(), ip(address)) {
                return Ok(Some(address));
            }
        }
    }

    fn subscribe(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<Resource<DynPollable>> {
        self.sockets.subscribe(stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        self.lookups.under_way.remove(&stream.rep());
        HostResolveAddressStream::drop(&mut self.sockets, stream)
    }
}

fn ip(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}
