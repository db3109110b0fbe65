//! What one instance has in its store: the part of the world that its manifest grants, and nothing else.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::AdapterError;
use super::limits::{self, Limits};
use super::log::{Level, Log};
use crate::config::{DirGrant, DirMode, Manifest, Settings};

/// What every instance of one adapter is made from.
#[derive(Clone, Debug)]
pub(super) struct Grants {
    dirs: Vec<DirGrant>,
    settings: Arc<Settings>,
    memory: u64,
    log: Log,
}

impl Grants {
    pub(super) fn new(adapter: &str, manifest: &Manifest, settings: Arc<Settings>) -> Self {
        Self {
            dirs: manifest.grants.dirs.clone(),
            memory: manifest.memory(),
            log: Log::new(adapter, settings.clone()),
            settings,
        }
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

    /// The world of a new instance. Fails where a granted directory cannot be opened.
    pub(super) fn guest(&self, deadline: Instant) -> Result<Guest, AdapterError> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::MAX_HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits::MAX_HEADERS);
        Ok(Guest {
            wasi: self.wasi()?,
            http,
            no_http: NoHttp { log: self.log.clone() },
            table,
            settings: WasiConfigVariables::from_iter(self.settings.pairs()),
            limits: Limits::new(self.memory),
            log: self.log.clone(),
            deadline,
        })
    }

    /// No environment, no arguments, no standard input; clocks and random numbers always; directories as granted.
    fn wasi(&self) -> Result<WasiCtx, AdapterError> {
        let mut wasi = WasiCtxBuilder::new();
        // An instance has a thread of its own: a file call may block it.
        wasi.allow_blocking_current_thread(true)
            .max_random_size(limits::MAX_RANDOM)
            .stdout(self.log.stream(Level::Info, "stdout"))
            .stderr(self.log.stream(Level::Warn, "stderr"));
        self.refuse_network(&mut wasi);
        for grant in &self.dirs {
            let perms = match grant.mode {
                DirMode::ReadOnly => FsPerms::ReadOnly,
                DirMode::ReadWrite => FsPerms::ReadWrite,
            };
            wasi.preopened_dir(&grant.host, &grant.guest, perms)
                .map_err(|error| AdapterError::Directory {
                    path: grant.host.clone(),
                    reason: error.root_cause().to_string(),
                })?;
        }
        Ok(wasi.build())
    }

    /// Sockets are let up to the address check, so that the refusal can say which address it was.
    fn refuse_network(&self, wasi: &mut WasiCtxBuilder) {
        let log = self.log.clone();
        wasi.allow_tcp(true)
            .allow_udp(true)
            .socket_addr_check(move |address, purpose| {
                // What every connect begins with. Nothing can be reached, or reach it, through a port that is only bound.
                let is_wildcard = address.ip().is_unspecified() && address.port() == 0;
                let begins = is_wildcard && matches!(purpose, SocketAddrUse::TcpBind);
                if !begins {
                    let what = format!("a socket for {address} ({purpose:?})");
                    log.refused(&what, "the manifest grants no network");
                }
                Box::pin(async move { begins })
            });
    }
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
    no_http: NoHttp,
    table: ResourceTable,
    pub(super) settings: WasiConfigVariables,
    pub(super) limits: Limits,
    pub(super) log: Log,
    /// When the call that is under way must be over.
    pub(super) deadline: Instant,
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
            hooks: &mut self.no_http,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// `wasi:http` is linked, because clients import it whether or not they use it; every request is refused.
struct NoHttp {
    log: Log,
}

type Sent = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ),
    HttpError,
>;

impl WasiHttpHooks for NoHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let to = request
            .uri()
            .authority()
            .map_or("nowhere", |authority| authority.as_str());
        self.log
            .refused(&format!("an HTTP request to {to}"), "the manifest grants no network");
        Box::new(async { Err(HttpError::HttpRequestDenied) })
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
