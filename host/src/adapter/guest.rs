//! What one instance has in its store: the part of the world that its manifest grants, and nothing else.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::WasiSocketsCtxView;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::AdapterError;
use super::budget::AdapterShare;
use super::limits::{self, Limits};
use super::log::{GuestLog, Level};
use super::network::{LookupView, Lookups, Network, Reactor, Requests};
use super::open_count::OpenCount;
use super::preopens::Preopens;
use super::reserve::Reserve;
use crate::config::{DirGrant, Examination, Manifest, Settings, SyncedFiles};

/// What every instance of one adapter is made from.
#[derive(Clone, Debug)]
pub(super) struct InstanceGrants {
    dirs: Vec<DirGrant>,
    preopens: Preopens,
    reserve: Reserve,
    network: Arc<Network>,
    settings: Arc<Settings>,
    memory: u64,
    returns: u64,
    share: Arc<AdapterShare>,
    log: GuestLog,
    examination: Option<Examination>,
}

impl InstanceGrants {
    /// Fails where a granted directory cannot be opened, or a granted file of certificates cannot be used. Blocks for
    /// the disk.
    pub(super) fn new(
        adapter: &str,
        manifest: &Manifest,
        settings: Arc<Settings>,
        share: Arc<AdapterShare>,
        reactor: &Reactor,
    ) -> Result<Self, AdapterError> {
        let examination = manifest.examination().cloned();
        let log = GuestLog::new(adapter, settings.clone(), manifest.log_lines).examined(examination.clone());
        Ok(Self {
            dirs: manifest.grants.dirs.clone(),
            preopens: Preopens::open(manifest)?,
            reserve: reserve(manifest)?,
            network: Network::new(manifest, share.clone(), reactor, log.clone())?,
            memory: manifest.memory(),
            returns: manifest.returns(),
            share,
            log,
            settings,
            examination,
        })
    }

    /// What a guest says, for people: without secrets, and its own paths as the host's.
    pub(super) fn translate(&self, text: &str) -> String {
        let masked = self.settings.mask(text).into_owned();
        self.dirs.iter().fold(masked, |text, grant| {
            let guest = grant.guest.trim_end_matches('/');
            let host = grant.host.display().to_string();
            replace_path(&text, guest, host.trim_end_matches('/'))
        })
    }

    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// The most that a call may hand to the host, in bytes.
    pub(super) fn returns(&self) -> usize {
        usize::try_from(self.returns).unwrap_or(usize::MAX)
    }

    pub(super) fn log(&self) -> &GuestLog {
        &self.log
    }

    /// Whether who checks the adapter wants every call to reach it.
    pub(super) fn is_examined(&self) -> bool {
        self.examination.is_some()
    }

    /// The world of a new instance.
    pub(super) fn guest(&self, deadline: Instant) -> Guest {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::MAX_HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits::MAX_HEADERS);
        let (wasi, lookups) = self.wasi();
        Guest {
            wasi,
            http,
            requests: Requests::new(self.network.clone()),
            lookups,
            table,
            opened: OpenCount::new(self.share.clone()),
            settings: WasiConfigVariables::from_iter(self.settings.pairs()),
            limits: Limits::new(self.memory),
            reserve: self.reserve.clone(),
            log: self.log.clone(),
            synced: self.examination.as_ref().and_then(Examination::synced).cloned(),
            deadline,
        }
    }

    /// No environment, no arguments, no standard input; clocks and random numbers always; directories and
    /// the network as granted.
    fn wasi(&self) -> (WasiCtx, Lookups) {
        let mut wasi = WasiCtxBuilder::new();
        wasi.max_random_size(limits::MAX_RANDOM)
            .stdout(self.log.stream(Level::Info, "stdout"))
            .stderr(self.log.stream(Level::Warn, "stderr"));
        let lookups = self.network.sockets(&mut wasi);
        let mut wasi = wasi.build();
        self.preopens.give(&mut wasi);
        (wasi, lookups)
    }
}

/// What an adapter leaves of the spool's disk.
fn reserve(manifest: &Manifest) -> Result<Reserve, AdapterError> {
    let state = manifest.state();
    Reserve::on_disk_of(state).map_err(|error| AdapterError::Directory {
        // Without one there is no disk to look at, and no error.
        path: state.map(Path::to_owned).unwrap_or_default(),
        reason: error.to_string(),
        passes: true,
    })
}

/// Replaces a directory wherever a path begins with it; a path that only contains its name stays.
fn replace_path(text: &str, guest: &str, host: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(guest).filter(|_| !guest.is_empty()) {
        let is_name = |character: char| character.is_alphanumeric() || "/._-".contains(character);
        let begins = !before.ends_with(is_name);
        let ends = after.starts_with('/') || !after.starts_with(is_name);
        replaced.push_str(before);
        replaced.push_str(if begins && ends { host } else { guest });
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// The data of one instance's store.
pub(super) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    requests: Requests,
    lookups: Lookups,
    table: ResourceTable,
    opened: OpenCount,
    pub(super) settings: WasiConfigVariables,
    pub(super) limits: Limits,
    /// What is left free on the spool's disk.
    pub(super) reserve: Reserve,
    pub(super) log: GuestLog,
    /// What it syncs is noted here while it is examined.
    pub(super) synced: Option<SyncedFiles>,
    /// When the call that is under way must be over.
    pub(super) deadline: Instant,
}

impl Guest {
    /// The sockets, and which names the guest has looked up for them.
    pub(super) fn lookups(&mut self) -> LookupView<'_> {
        LookupView {
            sockets: WasiSocketsCtxView {
                ctx: self.wasi.sockets(),
                table: &mut self.table,
            },
            lookups: &mut self.lookups,
        }
    }

    /// The count of what the guest has opened, and the table where that stands.
    pub(super) fn opened(&mut self) -> (&mut OpenCount, &mut ResourceTable) {
        (&mut self.opened, &mut self.table)
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.requests,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_path_becomes_the_hosts() {
        for (text, expected) in [
            ("cannot create /data/.tmp: full", "cannot create /srv/x/.tmp: full"),
            ("`/data` is no folder", "`/srv/x` is no folder"),
            ("/data", "/srv/x"),
            ("/var/data/a stays", "/var/data/a stays"),
            ("/database/a stays", "/database/a stays"),
            ("nothing to do", "nothing to do"),
        ] {
            assert_eq!(replace_path(text, "/data", "/srv/x"), expected);
        }
        assert_eq!(replace_path("a/b", "", "/srv"), "a/b");
    }
}
