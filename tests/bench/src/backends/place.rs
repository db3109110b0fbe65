//! A server, and what a client must be told to use it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirrorbox::adapter::{Adapter, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox_servers::{Postgres, Redis, S3Fs, ServerError, if_installed};

use crate::build::Built;

const BUCKET: &str = "transcripts";

/// One of the three servers, alive while this is.
#[derive(Debug)]
pub(super) struct Place {
    /// The adapter's name.
    pub(super) name: &'static str,
    /// Its component.
    pub(super) component: PathBuf,
    /// The adapter's settings.
    pub(super) settings: Vec<(&'static str, String)>,
    /// The environment of the SDK's stores.
    pub(super) environment: Vec<(&'static str, String)>,
    grant: String,
    runtime: Arc<Runtime>,
    _server: Server,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they live here")]
enum Server {
    Redis(Redis),
    Postgres(Postgres),
    S3(S3Fs),
}

impl Place {
    pub(super) const NAMES: [&str; 3] = ["redis", "postgres", "s3"];

    /// Starts the server that the adapter of this name wants; none where it is not installed.
    pub(super) fn start(name: &'static str, built: &Built, runtime: &Arc<Runtime>) -> anyhow::Result<Option<Self>> {
        let (component, runtime) = (built.adapter(name)?, runtime.clone());
        let started = match name {
            "redis" => Redis::start().map(|redis| Self::redis(component, runtime, redis)),
            "postgres" => Postgres::start().map(|postgres| Self::postgres(component, runtime, postgres)),
            _ => Self::s3(component, runtime),
        };
        Ok(if_installed(started)?)
    }

    fn redis(component: PathBuf, runtime: Arc<Runtime>, redis: Redis) -> Self {
        Self {
            name: "redis",
            component,
            settings: vec![("url", redis.url())],
            environment: vec![("REDIS_URL", redis.url())],
            grant: redis.url(),
            runtime,
            _server: Server::Redis(redis),
        }
    }

    fn postgres(component: PathBuf, runtime: Arc<Runtime>, postgres: Postgres) -> Self {
        Self {
            name: "postgres",
            component,
            settings: vec![("url", postgres.url())],
            environment: vec![("POSTGRES_URL", postgres.url())],
            grant: format!("postgres://127.0.0.1:{}", postgres.server.port()),
            runtime,
            _server: Server::Postgres(postgres),
        }
    }

    fn s3(component: PathBuf, runtime: Arc<Runtime>) -> Result<Self, ServerError> {
        let server = S3Fs::start()?;
        server.make_bucket(BUCKET)?;
        let endpoint = server.endpoint();
        let credentials = [S3Fs::ACCESS_KEY, S3Fs::SECRET_KEY].map(str::to_owned);
        let [key, secret] = credentials.clone();
        let settings = vec![
            ("endpoint", endpoint.clone()),
            ("bucket", BUCKET.to_owned()),
            ("access_key_id", key),
            ("secret_access_key", secret),
        ];
        let [key, secret] = credentials;
        let environment = vec![
            ("S3_ENDPOINT", endpoint.clone()),
            ("S3_BUCKET", BUCKET.to_owned()),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        Ok(Self {
            name: "s3",
            component,
            settings,
            environment,
            grant: endpoint,
            runtime,
            _server: Server::S3(server),
        })
    }

    /// The adapter as a component that may reach this server and nothing else.
    pub(super) async fn open(&self) -> anyhow::Result<Arc<Adapter>> {
        let mut manifest = String::from("timeout = \"90s\"\nmemory = \"512MiB\"\n[config]\n");
        for (name, value) in &self.settings {
            manifest += &format!("{name} = {value:?}\n");
        }
        manifest += &format!("[grants]\nnetwork = [{:?}]\n", self.grant);
        let manifest = Manifest::parse(Path::new("bench.toml"), &manifest)?;
        let adapter = Adapter::load(&self.runtime, self.name, &self.component, &manifest).await?;
        Ok(Arc::new(adapter))
    }
}
