//! A manifest, `adapters/NAME.toml`: the limits of an adapter (its `timeout` for each call is one), what it is granted,
//! and its settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::audit::Audit;
use super::examination::Examination;
use super::grants::{DirGrant, Grants};
use super::grounds::{Overlap, real};
use super::network::NetworkPolicy;
use super::{ConfigError, MirrorSettings, Setting, SourceLocation, text};

/// `adapters/NAME.toml`: how an adapter is set up, what it may do, and its limits.
///
/// ```toml
/// sha256 = "…"            # refuse any other component
/// instances = 4           # at most; each serves one call at a time
/// memory = "512MiB"       # the most that one instance may reach
/// timeout = "30s"         # per call
/// returns = "145MiB"      # the most that one call may return; the largest batch takes 128MiB
/// log_lines = 100         # the most that are logged of it in a second; 0 logs nothing
/// idle_connections = 32   # kept open to each HTTP server while nobody uses them; 0 keeps none
/// [config]
/// bucket = "transcripts"
/// secret_access_key = { env = "AWS_SECRET_ACCESS_KEY" }
/// [grants]
/// dirs = [{ host = "/var/lib/transcripts", guest = "/data" }]
/// network = ["https://s3.eu-central-1.amazonaws.com", { to = "redis://redis.internal", private = true }]
/// [mirror]
/// flush = "batched"       # or "eager"
/// writers = "merge"       # or "last"
/// projects = ["*"]        # which project keys come here; * stands for any text
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// Hex SHA-256 that the component must have.
    pub sha256: Option<String>,
    /// How many instances at most, each used by one call at a time. 1 to 64.
    pub instances: u16,
    /// The most memory that one instance may reach.
    memory: ByteSize,
    /// The most time that one call may take; one with a payload has more:
    /// [`time_to_move`](crate::store::time_to_move).
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// The most that one call may return.
    returns: ByteSize,
    /// How many lines a second are logged of the adapter, all its instances together. 0 to 10,000.
    pub log_lines: u32,
    /// How many connections to each HTTP server are kept open, at most, while no request uses them.
    pub idle_connections: u16,
    /// What the adapter reads through `wasi:config`.
    #[serde(rename = "config")]
    settings: BTreeMap<String, Spanned<Setting>>,
    /// What the adapter may touch.
    pub grants: Grants,
    /// What comes to this destination.
    pub mirror: MirrorSettings,
    /// Where this manifest was read, and where each setting stands in it.
    #[serde(skip)]
    origin: Option<ManifestOrigin>,
    /// Lets it go where it wants, and notes where that was.
    #[serde(skip)]
    audit: Option<Audit>,
    /// Who checks it sees what it prints and syncs.
    #[serde(skip)]
    examination: Option<Examination>,
    /// Where the granted directories lie, one each.
    #[serde(skip)]
    places: Option<Vec<PathBuf>>,
    /// Where the host keeps its spool; none where that is not known.
    #[serde(skip)]
    state: Option<PathBuf>,
    /// Why what it grants is granted to nobody.
    #[serde(skip)]
    overlap: Option<Overlap>,
}

#[derive(Clone, Debug)]
struct ManifestOrigin {
    path: PathBuf,
    lines: BTreeMap<String, SourceLocation>,
    /// Of the granted directories.
    dirs: Vec<SourceLocation>,
}

/// Where granted directories stand in a manifest's text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Spans {
    grants: GrantSpans,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GrantSpans {
    dirs: Vec<Spanned<IgnoredAny>>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            sha256: None,
            instances: 4,
            memory: ByteSize::mib(512),
            timeout: Duration::from_secs(30),
            // The largest batch, a full page before it, and something around.
            returns: ByteSize::mib(128 + 16 + 1),
            log_lines: 100,
            idle_connections: 32,
            settings: BTreeMap::new(),
            grants: Grants::default(),
            mirror: MirrorSettings::default(),
            origin: None,
            audit: None,
            examination: None,
            places: None,
            state: None,
            overlap: None,
        }
    }
}

impl Manifest {
    /// Parses a manifest's content; `path` is for messages, and where relative directories start.
    pub fn parse(path: &Path, content: &str) -> Result<Self, ConfigError> {
        let mut manifest: Self = text::parse_toml(path, content)?;
        manifest.check().map_err(|message| ConfigError::Invalid {
            place: SourceLocation::file(path),
            message,
        })?;
        if let Some(base) = path.parent() {
            for grant in &mut manifest.grants.dirs {
                grant.host = base.join(&grant.host);
            }
        }
        for grant in &mut manifest.grants.network {
            grant.locate(path, content);
        }
        let line = |setting: &Spanned<Setting>| SourceLocation::span(path, content, Some(setting.span()));
        let Spans { grants } = text::parse_toml(path, content)?;
        manifest.origin = Some(ManifestOrigin {
            path: path.to_owned(),
            lines: manifest
                .settings
                .iter()
                .map(|(name, setting)| (name.clone(), line(setting)))
                .collect(),
            dirs: grants
                .dirs
                .iter()
                .map(|dir| SourceLocation::span(path, content, Some(dir.span())))
                .collect(),
        });
        Ok(manifest)
    }

    /// The most memory that one instance may reach, in bytes.
    pub fn memory(&self) -> u64 {
        self.memory.as_u64()
    }

    /// The most that one call may return, in bytes; as much may go the other way, from the adapter to one of the host's
    /// functions.
    pub fn returns(&self) -> u64 {
        self.returns.as_u64()
    }

    /// The decisions about the network that follow from the grants.
    pub fn policy(&self) -> NetworkPolicy {
        let grants = self.grants.network.clone();
        match &self.audit {
            Some(audit) => NetworkPolicy::audited(grants, audit.network()),
            None => NetworkPolicy::new(grants),
        }
    }

    /// From now on, adapters that are opened with this manifest, or with a clone of it, may go where no grant allows
    /// it; a cloud's metadata server stays closed. What they needed is noted in the audit.
    pub fn audit(&mut self) -> Audit {
        let audit = self.audit.get_or_insert_with(|| Audit::new(self.grants.dirs.clone()));
        audit.clone()
    }

    /// Goes on with an audit that an earlier manifest of the same adapter began: this one was read anew.
    pub fn continue_audit(&mut self, audit: &Audit) {
        self.audit = Some(audit.clone());
    }

    /// From now on, adapters that are opened with this manifest, or with a clone of it, are under examination.
    pub fn examine(&mut self, examination: &Examination) {
        self.examination = Some(examination.clone());
    }

    /// The examination that goes on, if one does.
    #[cfg(feature = "wasm")]
    pub(crate) fn examination(&self) -> Option<&Examination> {
        self.examination.as_ref()
    }

    /// What stands under `[config]`, before secrets are looked up.
    pub fn settings(&self) -> BTreeMap<String, Setting> {
        let plain = |(name, setting): (&String, &Spanned<Setting>)| (name.clone(), setting.get_ref().clone());
        self.settings.iter().map(plain).collect()
    }

    /// The files that it names: secrets and certificates. They are read whenever the adapter is opened.
    pub fn files(&self) -> Vec<&Path> {
        let secrets = self.settings.values().filter_map(|setting| match setting.get_ref() {
            Setting::File(path) => Some(path.as_path()),
            Setting::Plain(_) | Setting::Env(_) => None,
        });
        let certificates = self.grants.network.iter().filter_map(|grant| grant.ca.as_deref());
        secrets.chain(certificates).collect()
    }

    /// Looks where the granted directories lie, links resolved, and leaves it at that: they are approved and opened
    /// just there, and a link that takes the place of one on the way is not followed. Blocks for the disk; does nothing
    /// the second time.
    ///
    /// Each granted directory, where it lies, and the line of the manifest that says so.
    pub fn settle(&mut self) -> impl Iterator<Item = (&DirGrant, &Path, Option<&SourceLocation>)> {
        let places = self.places();
        let places = &*self.places.insert(places);
        let lines = self.origin.iter().flat_map(|origin| &origin.dirs).map(Some);
        let lines = lines.chain(std::iter::repeat(None));
        let grants = self.grants.dirs.iter().zip(places).zip(lines);
        grants.map(|((grant, place), line)| (grant, place.as_path(), line))
    }

    /// Where the granted directories lie, one each: where they were when that was settled, else where they are now.
    /// Then it blocks for the disk.
    pub fn places(&self) -> Vec<PathBuf> {
        match &self.places {
            Some(places) => places.clone(),
            None => self.grants.dirs.iter().map(|grant| real(&grant.host)).collect(),
        }
    }

    /// Forgets where the granted directories lie: others were put in their place.
    pub fn unsettle(&mut self) {
        self.places = None;
        self.overlap = None;
    }

    /// Names the state directory of the host: on its disk, the adapter leaves room for the spool.
    pub(super) fn set_state(&mut self, state: &Path) {
        self.state = Some(state.to_owned());
    }

    /// The state directory of the host; `None` if nobody named it.
    #[cfg(feature = "wasm")]
    pub(crate) fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// No adapter is opened with this manifest any more.
    pub fn refuse(&mut self, overlap: Overlap) {
        self.overlap = Some(overlap);
    }

    /// Why no adapter is opened with this manifest; `None` if one is.
    pub fn refusal(&self) -> Option<&Overlap> {
        self.overlap.as_ref()
    }

    /// The place in the manifest that a message about settings is about: the line of the first setting that the
    /// message names in backticks, else the file; none for the default manifest.
    pub fn place_of(&self, message: &str) -> Option<SourceLocation> {
        let origin = self.origin.as_ref()?;
        let named =
            |(name, place): (&String, &SourceLocation)| message.contains(&format!("`{name}`")).then(|| place.clone());
        let line = origin.lines.iter().find_map(named);
        Some(line.unwrap_or_else(|| SourceLocation::file(&origin.path)))
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), String> {
        if !(1..=64).contains(&self.instances) {
            return Err(format!("instances = {} is not between 1 and 64", self.instances));
        }
        if self.memory() < 1 << 20 || self.memory() > 4 << 30 {
            return Err(format!("memory = \"{}\" is not between 1MiB and 4GiB", self.memory));
        }
        if self.returns() < 1 << 20 || self.returns() > 1 << 30 {
            return Err(format!("returns = \"{}\" is not between 1MiB and 1GiB", self.returns));
        }
        if self.log_lines > 10_000 {
            return Err(format!("log_lines = {} is not between 0 and 10000", self.log_lines));
        }
        if self.timeout.is_zero() {
            return Err("timeout must be longer than nothing".to_owned());
        }
        match &self.sha256 {
            Some(digest) if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Err("sha256 is not 64 hex digits".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DirMode;

    fn parse(content: &str) -> Result<Manifest, String> {
        Manifest::parse(Path::new("/etc/adapters/x.toml"), content).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_can_be_said() {
        let manifest = parse(
            r#"
            instances = 2
            memory = "64MiB"
            timeout = "1m 30s"
            idle_connections = 0
            returns = "32MiB"
            log_lines = 5
            [config]
            bucket = "b"
            path_style = true
            parts = 256
            key = { env = "KEY" }
            [grants]
            dirs = [{ host = "/srv", guest = "/data", mode = "ro" }, { host = "near", guest = "/near" }]
            network = [
                "https://a.example",
                { to = "https://b.example:8443", private = true, ca = "ca.pem" },
            ]
            [mirror]
            projects = ["-srv-*"]
            "#,
        )
        .unwrap();
        assert_eq!(manifest.memory(), 64 << 20);
        assert_eq!(manifest.timeout, Duration::from_secs(90));
        assert_eq!((manifest.returns(), manifest.log_lines), (32 << 20, 5));
        assert_eq!(manifest.settings()["path_style"], Setting::Plain("true".into()));
        assert_eq!(manifest.settings()["parts"], Setting::Plain("256".into()));
        assert_eq!(manifest.grants.dirs[0].mode, DirMode::ReadOnly);
        assert_eq!(manifest.grants.dirs[1].host, Path::new("/etc/adapters/near"));
        assert_eq!(manifest.idle_connections, 0);
        let [plain, table] = &manifest.grants.network[..] else {
            panic!("{:?}", manifest.grants.network);
        };
        assert_eq!((plain.port, plain.private, &plain.ca), (443, false, &None));
        assert_eq!(table.ca.as_deref(), Some(Path::new("/etc/adapters/ca.pem")));
        assert_eq!(
            (table.port, table.private, table.place().unwrap().line),
            (8443, true, Some(17))
        );
        assert!(!manifest.mirror.takes("-home-app"));
        let [ca] = manifest.files()[..] else {
            panic!("{:?}", manifest.files());
        };
        assert_eq!(ca, Path::new("/etc/adapters/ca.pem"));
    }

    #[test]
    fn nonsense_is_refused() {
        for (content, expected) in [
            ("instances = 0", "between 1 and 64"),
            ("memory = \"1KiB\"", "between 1MiB and 4GiB"),
            ("timeout = \"0s\"", "timeout"),
            ("returns = \"1KiB\"", "between 1MiB and 1GiB"),
            ("log_lines = 10001", "between 0 and 10000"),
            ("sha256 = \"abc\"", "64 hex digits"),
            (
                "[grants]\nnetwork = [\n\"https://a\", \"ftp://b\"]",
                "line 3: \"ftp\" is not one of",
            ),
            ("[grants]\ndirs = [{ host = \"/a\" }]", "guest"),
            ("[config]\nkey = { vault = \"x\" }", "env"),
            ("[confg]", "line 1"),
        ] {
            let error = parse(content).unwrap_err();
            assert!(error.contains(expected), "{content}: {error}");
        }
    }

    #[test]
    fn a_message_about_a_setting_finds_its_line() {
        let manifest = parse("[config]\nroot = \"/data\"\nbuckt = \"b\"\n").unwrap();
        assert_eq!(manifest.place_of("unknown setting `buckt`").unwrap().line, Some(3));
        assert_eq!(manifest.place_of("no bucket").unwrap().line, None);
    }
}
