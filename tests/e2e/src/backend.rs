//! What the adapters that come with Mirrorbox store into: a folder, or a real server.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirrorbox::adapter::{Adapter, AdapterError};
use mirrorbox::config::Manifest;
use mirrorbox_servers::{Moto, Postgres, Redis, Server, ServerError, if_installed};

use crate::{adapter, runtime};

/// The bucket of the S3 server. It checks no signatures, so these let everybody in.
pub const BUCKET: &str = "transcripts";

/// What an adapter stores into. A server ends with its value.
#[derive(Debug)]
pub enum Backend {
    /// For `fs`.
    Folder(PathBuf),
    /// For `s3`.
    S3(Moto),
    /// For `redis`.
    Redis(Redis),
    /// For `postgres`.
    Postgres(Postgres),
}

impl Backend {
    /// What the adapter of this name needs; none where its server is not installed. A folder is made in `dir`.
    pub fn start(adapter: &str, dir: &Path) -> Option<Self> {
        if_installed(Self::try_start(adapter, dir)).unwrap()
    }

    fn try_start(adapter: &str, dir: &Path) -> Result<Self, ServerError> {
        Ok(match adapter {
            "fs" => {
                let folder = dir.join("store");
                std::fs::create_dir_all(&folder).unwrap();
                Self::Folder(folder)
            }
            "s3" => {
                let moto = Moto::start()?;
                moto.make_bucket(BUCKET)?;
                Self::S3(moto)
            }
            "redis" => Self::Redis(Redis::start()?),
            "postgres" => Self::Postgres(Postgres::start()?),
            other => panic!("there is no backend for {other}"),
        })
    }

    /// The adapter that stores into it.
    pub fn adapter(&self) -> &'static str {
        match self {
            Self::Folder(_) => "fs",
            Self::S3(_) => "s3",
            Self::Redis(_) => "redis",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Its server's process. A folder has none.
    pub fn server(&mut self) -> &mut Server {
        match self {
            Self::Folder(folder) => panic!("{} is no server", folder.display()),
            Self::S3(moto) => &mut moto.server,
            Self::Redis(redis) => &mut redis.server,
            Self::Postgres(postgres) => &mut postgres.server,
        }
    }

    /// The port of its server.
    pub fn port(&self) -> u16 {
        match self {
            Self::Folder(folder) => panic!("{} is no server", folder.display()),
            Self::S3(moto) => moto.server.port(),
            Self::Redis(redis) => redis.server.port(),
            Self::Postgres(postgres) => postgres.server.port(),
        }
    }

    /// A manifest that lets its adapter in.
    pub fn manifest(&self) -> ManifestText {
        match self {
            Self::Folder(folder) => {
                ManifestText::default().grant("dirs", format!("{{ host = {folder:?}, guest = \"/data\" }}"))
            }
            server => server.manifest_through(server.port()),
        }
    }

    /// The same, where everything goes through a proxy on that port of 127.0.0.1.
    pub fn manifest_through(&self, port: u16) -> ManifestText {
        let text = ManifestText::default();
        match self {
            Self::Folder(folder) => panic!("{} is reached through no proxy", folder.display()),
            Self::S3(_) => {
                let endpoint = format!("http://127.0.0.1:{port}");
                text.grant("network", format!("{endpoint:?}"))
                    .set("endpoint", endpoint)
                    .set("bucket", BUCKET)
                    .set("access_key_id", "anybody")
                    .set("secret_access_key", "any-secret")
            }
            Self::Redis(redis) => text
                .set("url", on_port(&redis.url(), self.port(), port))
                .grant("network", format!("\"redis://127.0.0.1:{port}\"")),
            Self::Postgres(postgres) => text
                .set("url", on_port(&postgres.url(), self.port(), port))
                .grant("network", format!("\"postgres://127.0.0.1:{port}\"")),
        }
    }

    /// Loads its adapter with this manifest.
    pub async fn load(&self, manifest: &ManifestText) -> Result<Arc<Adapter>, AdapterError> {
        let name = self.adapter();
        let place = PathBuf::from(format!("/adapters/{name}.toml"));
        let manifest = Manifest::parse(&place, &manifest.to_string()).unwrap();
        Adapter::load(&runtime(), name, &adapter(name), &manifest)
            .await
            .map(Arc::new)
    }

    /// Loads its adapter with the manifest that lets it in.
    pub async fn open(&self) -> Arc<Adapter> {
        self.load(&self.manifest()).await.unwrap()
    }
}

fn on_port(url: &str, from: u16, to: u16) -> String {
    url.replace(&format!(":{from}"), &format!(":{to}"))
}

/// A manifest, put together.
#[derive(Clone, Debug, Default)]
pub struct ManifestText {
    top: String,
    config: BTreeMap<String, String>,
    grants: BTreeMap<&'static str, Vec<String>>,
    mirror: String,
}

impl ManifestText {
    /// Adds a line above the first table: `timeout = "5s"`.
    pub fn limit(mut self, line: &str) -> Self {
        self.top += &format!("{line}\n");
        self
    }

    /// Replaces the adapter's settings.
    pub fn set(mut self, setting: &str, value: impl Display) -> Self {
        self.config.insert(setting.to_owned(), value.to_string());
        self
    }

    /// Leaves a setting out.
    pub fn unset(mut self, setting: &str) -> Self {
        self.config.remove(setting);
        self
    }

    /// Adds an entry to `dirs` or `network`, as TOML.
    pub fn grant(mut self, what: &'static str, entry: impl Display) -> Self {
        self.grants.entry(what).or_default().push(entry.to_string());
        self
    }

    /// Takes every grant back.
    pub fn without_grants(mut self) -> Self {
        self.grants.clear();
        self
    }

    /// Adds a line about mirroring: `flush = "eager"`.
    pub fn mirror(mut self, line: &str) -> Self {
        self.mirror += &format!("{line}\n");
        self
    }
}

impl Display for ManifestText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[config]", self.top)?;
        for (name, value) in &self.config {
            // JSON's strings are TOML's, too.
            writeln!(f, "{name} = {}", serde_json::Value::from(value.as_str()))?;
        }
        writeln!(f, "[grants]")?;
        for (what, entries) in &self.grants {
            writeln!(f, "{what} = [{}]", entries.join(", "))?;
        }
        writeln!(f, "[mirror]\n{}", self.mirror)
    }
}
