//! The SDK's client, with what carries its requests: inside WebAssembly the host's HTTP, else plain HTTP over tokio.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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
use mirrorbox_adapter::Result;

use crate::config::Config;

/// Makes a client. It never retries (the host does, and waits longer each time) and sets no deadline but for connecting
/// (the host has one for each call, and an upload may take long). The digest chain is the checksum, and a signature covers what is sent.
pub(crate) fn build(config: &Config, http: SharedHttpClient, clock: ServerClock) -> Client {
    let mut builder = aws_sdk_s3::Config::builder()
        .http_client(http)
        .region(Region::new(config.region.clone()))
        .credentials_provider(config.credentials.clone())
        // They stand in the settings: there is nothing to fetch again.
        .identity_cache(IdentityCache::no_cache())
        .force_path_style(config.path_style)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .interceptor(clock);
    if let Some(endpoint) = &config.endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    Client::from_conf(with_timeouts(builder).build())
}

/// The time by the server's clock, taken from each of its answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerClock(Arc<AtomicI64>);

impl ServerClock {
    /// Unix milliseconds at the last answer; 0, long ago, if the server never told.
    pub(crate) fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
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
            self.0.store(now, Ordering::Relaxed);
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

#[cfg(not(target_family = "wasm"))]
fn with_timeouts(builder: Builder) -> Builder {
    builder.timeout_config(TimeoutConfig::disabled())
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}
