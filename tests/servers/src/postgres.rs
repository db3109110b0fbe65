//! Starts a real PostgreSQL server for one test, and ends it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::server::{Launch, run_as};
use crate::{Certificates, Server, ServerError, program};

/// The owner of every database. Passwords are checked by SCRAM.
const USER: &str = "postgres";
const PASSWORD: &str = "owner's-word";

/// What differs from a plain server.
#[derive(Debug, Default)]
pub struct PostgresOptions {
    /// It takes connections with TLS, and no others.
    pub tls: Option<Certificates>,
    /// Further settings: name and value.
    pub settings: Vec<(String, String)>,
}

/// A PostgreSQL server with a database `postgres`. It syncs every commit.
#[derive(Debug)]
pub struct Postgres {
    /// Its process.
    pub server: Server,
    tls: Option<Certificates>,
    _dir: TempDir,
}

impl Postgres {
    /// Starts a plain one.
    pub fn start() -> Result<Self, ServerError> {
        Self::with(PostgresOptions::default())
    }

    /// Makes a cluster and starts it with these options. Where we are root, as the user `postgres`, since it refuses
    /// root.
    pub fn with(options: PostgresOptions) -> Result<Self, ServerError> {
        let cluster = Cluster::new()?;
        if let Some(certificates) = &options.tls {
            cluster.use_tls(certificates)?;
        }
        let launch = cluster.launch(&options)?;
        Self::started(launch, cluster, options)
    }

    /// One whose tables lie on a disk of 16 MiB, which nobody else sees; none where we may not mount one.
    pub fn on_small_disk() -> Result<Option<Self>, ServerError> {
        let (cluster, options) = (Cluster::new()?, PostgresOptions::default());
        let Some(launch) = cluster.with_small_disk(cluster.launch(&options)?) else {
            return Ok(None);
        };
        let disk = cluster.small_disk().display().to_string();
        let postgres = Self::started(launch, cluster, options)?;
        postgres.ask(&format!("CREATE TABLESPACE small LOCATION '{disk}'"))?;
        postgres.ask("ALTER DATABASE postgres SET default_tablespace = small")?;
        Ok(Some(postgres))
    }

    fn started(launch: Launch, cluster: Cluster, options: PostgresOptions) -> Result<Self, ServerError> {
        Ok(Self {
            server: Server::start(launch)?,
            tls: options.tls,
            _dir: cluster.dir,
        })
    }

    /// `postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres`; with TLS, of `localhost`.
    pub fn url(&self) -> String {
        let (host, mode) = match self.tls {
            Some(_) => ("localhost", "verify-full"),
            None => ("127.0.0.1", "disable"),
        };
        let port = self.server.port();
        format!("postgres://{USER}:owner%27s-word@{host}:{port}/postgres?sslmode={mode}")
    }

    /// The certificates, where it speaks TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.tls.as_ref()
    }

    /// Runs SQL with `psql`; the rows, unaligned.
    pub fn ask(&self, sql: &str) -> Result<String, ServerError> {
        let mut client = Command::new(program::of_postgres("psql")?);
        client.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", sql]);
        if let Some(certificates) = &self.tls {
            client.env("PGSSLROOTCERT", certificates.ca_file());
        }
        program::output(&mut client)
    }
}

/// The folder of a server, and whose it is.
struct Cluster {
    dir: TempDir,
    user: Option<User>,
}

impl Cluster {
    fn new() -> Result<Self, ServerError> {
        let dir = tempfile::tempdir().map_err(ServerError::io("make a folder for PostgreSQL"))?;
        let cluster = Self { dir, user: owner()? };
        cluster.own(cluster.dir.path())?;
        let words = cluster.write("password", PASSWORD)?;
        let mut initdb = Command::new(program::of_postgres("initdb")?);
        initdb
            .args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            .args(["--username", USER])
            .args([OsStr::new("--pwfile"), words.as_os_str()])
            .args([OsStr::new("--pgdata"), cluster.data().as_os_str()]);
        if let Some(user) = &cluster.user {
            run_as(&mut initdb, user);
        }
        program::output(&mut initdb)?;
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn small_disk(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn launch(&self, options: &PostgresOptions) -> Result<Launch, ServerError> {
        Ok(Launch {
            program: program::of_postgres("postgres")?,
            arguments: self.arguments(options),
            ready: "database system is ready to accept connections",
            user: self.user.clone(),
        })
    }

    /// The same with a disk mounted, which takes root; the server itself is run by its user.
    fn with_small_disk(&self, launch: Launch) -> Option<Launch> {
        let (user, disk) = (launch.user?, self.small_disk());
        fs::create_dir(&disk).ok()?;
        let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
        let mount =
            format!("mount -t tmpfs -o size=16m,mode=700,uid={uid},gid={gid} none \"$1\" && shift && exec \"$@\"");
        let within = ["--mount", "sh", "-c", &mount, "sh", &disk.display().to_string()].map(str::to_owned);
        let allowed = Command::new("unshare").args(&within).arg("true").output().ok()?;
        if !allowed.status.success() {
            return None;
        }
        let run = ["setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups"].map(str::to_owned);
        let server = [launch.program.display().to_string()];
        Some(Launch {
            program: program::on_path("unshare").ok()?,
            arguments: within
                .into_iter()
                .chain(run)
                .chain(server)
                .chain(launch.arguments)
                .collect(),
            user: None,
            ..launch
        })
    }

    /// Copies the certificates to where the server may read them (it wants its key for itself), and lets nobody in
    /// without TLS.
    fn use_tls(&self, certificates: &Certificates) -> Result<(), ServerError> {
        for (name, from) in [
            ("server.pem", certificates.certificate_file()),
            ("server.key", certificates.key_file()),
        ] {
            let content = fs::read_to_string(&from).map_err(ServerError::io(format!("read {}", from.display())))?;
            self.write(name, &content)?;
        }
        let rule = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n";
        let rules = self.data().join("pg_hba.conf");
        fs::write(&rules, rule).map_err(ServerError::io(format!("write {}", rules.display())))
    }

    fn arguments(&self, options: &PostgresOptions) -> Vec<String> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let mut settings = vec![
            ("port", "{port}".to_owned()),
            ("listen_addresses", "127.0.0.1".into()),
            ("unix_socket_directories", String::new()),
            ("fsync", "on".into()),
        ];
        if options.tls.is_some() {
            settings.extend([
                ("ssl", "on".into()),
                ("ssl_cert_file", path("server.pem")),
                ("ssl_key_file", path("server.key")),
            ]);
        }
        let more = options
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        let settings = settings.into_iter().chain(more);
        let settings = settings.flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
        ["-D".to_owned(), path("data")].into_iter().chain(settings).collect()
    }

    /// Writes a file that the server's user alone can read.
    fn write(&self, name: &str, content: &str) -> Result<PathBuf, ServerError> {
        let path = self.dir.path().join(name);
        let written =
            fs::write(&path, content).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o600)));
        written.map_err(ServerError::io(format!("write {}", path.display())))?;
        self.own(&path)?;
        Ok(path)
    }

    fn own(&self, path: &Path) -> Result<(), ServerError> {
        let Some(user) = &self.user else { return Ok(()) };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .map_err(ServerError::io(format!("give {} to `{USER}`", path.display())))
    }
}

/// Who runs the server, if not we.
pub(crate) fn owner() -> Result<Option<User>, ServerError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let user = User::from_name(USER).map_err(|error| ServerError::io("look up users")(error.into()))?;
    user.map(Some).ok_or(ServerError::NotInstalled { program: "postgres" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::if_installed;

    #[test]
    fn what_was_committed_survives_a_kill_and_a_restart_on_the_same_port() {
        let Some(mut postgres) = if_installed(Postgres::start()).unwrap() else {
            return;
        };
        let port = postgres.server.port();
        postgres
            .ask("create table t (n int); insert into t values (7)")
            .unwrap();
        postgres.server.kill9();
        postgres.ask("select 1").unwrap_err();
        postgres.server.restart().unwrap();
        assert_eq!(postgres.server.port(), port);
        assert_eq!(postgres.ask("select n from t").unwrap(), "7");
    }

    #[test]
    fn with_tls_nobody_gets_in_without() {
        let started = Postgres::with(PostgresOptions {
            tls: Some(Certificates::new().unwrap()),
            settings: vec![("max_connections".into(), "12".into())],
        });
        let Some(postgres) = if_installed(started).unwrap() else {
            return;
        };
        assert_eq!(postgres.ask("show max_connections").unwrap(), "12");
        let plain = postgres.url().replace("verify-full", "disable");
        let mut client = Command::new(program::of_postgres("psql").unwrap());
        let refused = program::output(client.args(["-d", &plain, "-c", "select 1"])).unwrap_err();
        assert!(refused.to_string().contains("no encryption"), "{refused}");
    }
}
