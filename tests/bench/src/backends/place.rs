//! A server, and what a client must be told to use it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mirrorbox::adapter::{Adapter, Runtime};
use mirrorbox::config::Manifest;
use mirrorbox_servers::{Postgres, Redis, S3Fs, ServerError, if_installed};

use crate::build::Built;

/// One of the three servers, alive while this is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The adapter's name.
    pub(crate) name: &'static str,
    /// Its component.
    pub(crate) component: PathBuf,
    /// The adapter's settings.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// The environment of the SDK's stores.
    pub(crate) environment: Vec<(&'static str, String)>,
    grant: String,
    runtime: Arc<Runtime>,
    server: Arc<Server>,
}

#[derive(Debug)]
enum Server {
    Redis(#[expect(dead_code, reason = "it lives here")] Redis),
    Postgres(#[expect(dead_code, reason = "it lives here")] Postgres),
    S3(S3Fs),
}

impl Place {
    pub(crate) const NAMES: [&str; 3] = ["redis", "postgres", "s3"];

    /// Starts the server that the adapter of this name wants; none where it is not installed.
    pub(crate) fn start(name: &'static str, built: &Built, runtime: &Arc<Runtime>) -> anyhow::Result<Option<Self>> {
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
            server: Arc::new(Server::Redis(redis)),
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
            server: Arc::new(Server::Postgres(postgres)),
        }
    }

    fn s3(component: PathBuf, runtime: Arc<Runtime>) -> Result<Self, ServerError> {
        let server = S3Fs::start()?;
        let endpoint = server.endpoint();
        let credentials = [S3Fs::ACCESS_KEY, S3Fs::SECRET_KEY].map(str::to_owned);
        let [key, secret] = credentials.clone();
        let settings = vec![
            ("endpoint", endpoint.clone()),
            ("access_key_id", key),
            ("secret_access_key", secret),
        ];
        let [key, secret] = credentials;
        let environment = vec![
            ("S3_ENDPOINT", endpoint.clone()),
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
            server: Arc::new(Server::S3(server)),
        })
    }

    /// The same server, without anything on it that what is measured next could meet: what one bucket holds must not
    /// make listings of another slow. Redis and PostgreSQL have an index.
    pub(crate) fn anew(&self, bucket: &str) -> anyhow::Result<Self> {
        let mut place = self.clone();
        if let Server::S3(server) = &*self.server {
            let theirs = format!("{bucket}-sdk");
            server.make_bucket(bucket)?;
            server.make_bucket(&theirs)?;
            place.settings.retain(|(name, _)| *name != "bucket");
            place.settings.push(("bucket", bucket.to_owned()));
            place.environment.retain(|(name, _)| *name != "S3_BUCKET");
            place.environment.push(("S3_BUCKET", theirs));
        }
        Ok(place)
    }

    /// How many batches are written at most before [`Place::take_in`]; none where there is no need.
    pub(crate) fn seeds(&self) -> Option<u64> {
        matches!(*self.server, Server::S3(_)).then_some(100)
    }

    /// A place to write some of it to.
    pub(crate) fn seed(&self, first: u64) -> anyhow::Result<Self> {
        self.anew(&format!("{}-{first}", self.bucket()?))
    }

    /// Moves what was written there here.
    pub(crate) fn take_in(&self, other: &Self) -> anyhow::Result<()> {
        if let Server::S3(server) = &*self.server {
            server.move_objects(other.bucket()?, self.bucket()?)?;
        }
        Ok(())
    }

    fn bucket(&self) -> anyhow::Result<&str> {
        let bucket = self.settings.iter().find(|(name, _)| *name == "bucket");
        Ok(&bucket.context("no bucket was made")?.1)
    }

    /// The adapter as a component that may reach this server and nothing else.
    pub(crate) async fn open(&self) -> anyhow::Result<Arc<Adapter>> {
        let manifest = Manifest::parse(Path::new("bench.toml"), &self.manifest())?;
        let adapter = Adapter::load(&self.runtime, self.name, &self.component, &manifest).await?;
        Ok(Arc::new(adapter))
    }

    /// A manifest that lets the adapter reach this server and nothing else.
    pub(crate) fn manifest(&self) -> String {
        let mut manifest = String::from("timeout = \"90s\"\nmemory = \"512MiB\"\n[config]\n");
        for (name, value) in &self.settings {
            manifest += &format!("{name} = {value:?}\n");
        }
        manifest + &format!("[grants]\nnetwork = [{:?}]\n", self.grant)
    }
}
