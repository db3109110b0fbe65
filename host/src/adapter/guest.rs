//! What one instance has in its store: the part of the world that its manifest grants, and nothing else.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
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

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
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
            .socket_addr_check(move |address, _use| {
                log.refused(&format!("a socket to {address}"), "the manifest grants no network");
                Box::pin(async { false })
            });
    }
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
