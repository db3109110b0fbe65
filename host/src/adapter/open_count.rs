//! How many descriptors one instance holds, within what its adapter may.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::bindings::filesystem::types::Descriptor;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, TcpSocket, UdpSocket};

use super::budget::{AdapterShare, HeldDescriptors};
use crate::config::network::Refusal;

/// The descriptors that one instance holds.
#[derive(Debug)]
pub(super) struct OpenCount {
    share: Arc<AdapterShare>,
    held: HeldDescriptors,
}

impl OpenCount {
    pub(super) fn new(share: Arc<AdapterShare>) -> Self {
        let held = share.none_yet();
        Self { share, held }
    }

    /// Counts what is in the instance's table anew.
    pub(super) fn recount(&mut self, table: &mut ResourceTable) {
        if self.held.count() > 0 {
            // It can only be fewer than were counted when the last was opened.
            self.held.set(count(table));
        }
    }

    /// Whether there may be one more than there are in the table now.
    pub(super) fn one_more(&mut self, table: &mut ResourceTable) -> Result<(), Refusal> {
        match self.held.set(count(table) + 1) {
            true => Ok(()),
            false => Err(Refusal {
                what: format!(
                    "more than {} open files, sockets and connections of all its instances",
                    self.share.most_descriptors()
                ),
                remedy: "where this process may open more (LimitNOFILE of its unit, or `ulimit -n`), so may an adapter"
                    .to_owned(),
            }),
        }
    }
}

/// What in a table has a descriptor, or may have.
fn count(table: &mut ResourceTable) -> usize {
    let has_one = |entry: &&mut (dyn std::any::Any + Send)| {
        entry.is::<Descriptor>()
            || entry.is::<DynInputStream>()
            || entry.is::<DynOutputStream>()
            || entry.is::<TcpSocket>()
            || entry.is::<UdpSocket>()
    };
    table.iter_mut().filter(has_one).count()
}
