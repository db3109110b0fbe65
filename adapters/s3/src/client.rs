//! The SDK's client, with what carries its requests: inside WebAssembly the host's HTTP, else plain HTTP over tokio.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ConfigBag, IdentityCache, Intercept, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use mirrorbox_adapter::{Result, log};

use crate::settings::Options;

/// Makes a client. It never retries by itself (`bucket` does in two cases, else the host does, and waits longer each
/// time) and sets no deadline but for connecting
/// (the host has one for each call, and an upload may take long). The digest chain is the checksum, and a signature
/// covers what is sent.
pub(crate) fn build(options: &Options, http: SharedHttpClient, clock: ServerClock) -> Client {
    let mut builder = aws_sdk_s3::Config::builder()
        .http_client(http)
        .region(Region::new(options.region.clone()))
        .credentials_provider(options.credentials.clone())
        // They stand in the settings: there is nothing to fetch again.
        .identity_cache(IdentityCache::no_cache())
        .force_path_style(options.path_style)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .interceptor(clock);
    if let Some(endpoint) = &options.endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    Client::from_conf(with_timeouts(builder).build())
}

/// A server refuses what was signed a quarter of an hour ago; some are stricter. What differs by less is no wrong
/// clock.
const WRONG_BY: i64 = 4 * 60 * 1000;

/// The time by the server's clock, taken from each of its answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerClock(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    /// Unix milliseconds at the last answer.
    now: AtomicI64,
    /// How far this machine's clock was behind then; negative: ahead.
    behind: AtomicI64,
    is_told: AtomicBool,
}

impl ServerClock {
    /// Unix milliseconds at the last answer; 0, long ago, if the server never told.
    pub(crate) fn now(&self) -> i64 {
        self.0.now.load(Ordering::Relaxed)
    }

    /// Whether this machine's clock is so wrong that a server refuses what is signed by it.
    pub(crate) fn is_wrong(&self) -> bool {
        self.0.behind.load(Ordering::Relaxed).abs() > WRONG_BY
    }

    /// Says so, once.
    pub(crate) fn tell(&self) {
        if self.0.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let behind = self.0.behind.load(Ordering::Relaxed) / 60_000;
        let side = if behind > 0 { "behind" } else { "ahead of" };
        let minutes = behind.abs();
        log::warn(
            "clock",
            format_args!(
                "this machine's clock is {minutes} minutes {side} the server's; requests are signed by the server's: set \
                 the clock right (NTP)"
            ),
        );
    }
}

/// 0, long ago, for a clock that stands before 1970.
fn unix_ms_here() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        if let Some(now) = date.and_then(|date| date.to_millis().ok()) {
            self.0.now.store(now, Ordering::Relaxed);
            self.0
                .behind
                .store(now.saturating_sub(unix_ms_here()), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What runs the requests of a call to their end.
#[cfg(target_family = "wasm")]
#[derive(Debug)]
pub(crate) struct Runtime;

#[cfg(target_family = "wasm")]
impl Runtime {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self)
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        wstd::runtime::block_on(future)
    }
}

#[cfg(target_family = "wasm")]
fn with_timeouts(builder: Builder) -> Builder {
    let timeouts = TimeoutConfig::builder().connect_timeout(std::time::Duration::from_secs(10));
    builder
        .sleep_impl(aws_smithy_wasm::wasi::WasiSleep)
        .timeout_config(timeouts.build())
}

#[cfg(target_family = "wasm")]
pub(crate) fn http() -> SharedHttpClient {
    aws_smithy_wasm::wasi::WasiHttpClientBuilder::new().build()
}

/// What runs the requests of a call to their end.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug)]
pub(crate) struct Runtime(tokio::runtime::Runtime);

#[cfg(not(target_family = "wasm"))]
impl Runtime {
    pub(crate) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .map(Self)
            .map_err(|error| mirrorbox_adapter::Error::Other(error.to_string()))
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

/// Natively, for tests and benchmarks, no call has a deadline.
#[cfg(not(target_family = "wasm"))]
fn with_timeouts(builder: Builder) -> Builder {
    builder.timeout_config(TimeoutConfig::disabled())
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}
