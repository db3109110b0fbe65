mod files;
mod service;

use std::path::{Path, PathBuf};

use clap::Args;
use mirrorbox::config::toml_text;
use serde::Serialize;

use self::files::NewFiles;
use super::Context;
use crate::built_in::{self, MIRROR_SECTION};
use crate::error::{CliError, Exit};
use crate::output::say;
use crate::paths;

/// Make a configuration directory with the fs adapter, which keeps transcripts in a folder
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder for transcripts [default: the platform's directory for data]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Make nothing, but print a unit for systemd that runs `mirrorbox watch` with the configuration that is there
    #[arg(long, conflicts_with = "store")]
    service: bool,
    /// With --service: the agent's projects directory [default: the configuration's, else the agent's own]
    #[arg(long, value_name = "DIR", requires = "service")]
    projects_dir: Option<PathBuf>,
}

/// What was made, for programs.
#[derive(Serialize)]
struct Document<'a> {
    config: &'a str,
    store: &'a str,
    files: Vec<String>,
}

impl Init {
    pub(super) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        if self.service {
            let config = context.config()?;
            let projects = paths::projects_dir(self.projects_dir.as_deref(), &config)?;
            let unit = service::unit(&config, &projects)?;
            // As it is: it goes into a file, and its paths are to be those that they are.
            context.output.raw_line(unit.trim_end().as_bytes())?;
            return Ok(Exit::Done);
        }
        let component = built_in::FS.component()?;
        let config = absolute(&paths::config_dir(&context.global)?)?;
        let store = absolute(&match self.store {
            Some(store) => store,
            None => paths::store_dir()?,
        })?;
        let files = make(&config, &store, component)?;
        warn_if_open_to_others(&store);
        if context.output.is_json() {
            let document = Document {
                config: &text(&config)?,
                store: &text(&store)?,
                files: files.iter().map(|file| file.display().to_string()).collect(),
            };
            context.output.json(&document)?;
        } else {
            for file in &files {
                context.output.line(format_args!("made {}", file.display()))?;
            }
            let store = store.display();
            context
                .output
                .line(format_args!("transcripts will lie in {store}; next: mirrorbox import"))?;
        }
        Ok(Exit::Done)
    }
}

/// Makes the directories and files, all or none of the files.
fn make(config: &Path, store: &Path, component: &[u8]) -> Result<Vec<PathBuf>, CliError> {
    let manifest = manifest(&text(store)?);
    let adapters = config.join("adapters");
    let contents = [
        (config.join("mirrorbox.toml"), MAIN_FILE.as_bytes()),
        (adapters.join("fs.wasm"), component),
        (adapters.join("fs.toml"), manifest.as_bytes()),
    ];
    if let Some((there, _)) = contents.iter().find(|(file, _)| file.symlink_metadata().is_ok()) {
        return Err(CliError::failed(format!("{} is there already", there.display()))
            .advise("nothing was changed; name another directory with --config"));
    }
    for dir in [config, &adapters, store] {
        files::make_dir(dir)?;
    }
    let mut made = NewFiles::default();
    for (file, bytes) in &contents {
        made.write(file, bytes)?;
    }
    Ok(made.keep())
}

/// A folder that was there before keeps its mode, and the adapter cannot choose those of the files that it makes in it.
#[cfg(unix)]
fn warn_if_open_to_others(store: &Path) {
    use std::os::unix::fs::PermissionsExt;

    // Whether it can be used at all, opening the adapter says.
    let Ok(metadata) = store.metadata() else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let store = store.display();
        say(format_args!(
            "warning: {store} is open to other users (mode {mode:04o}), and so may be the transcripts in it\n  \
             to keep them out: chmod 700 {store}"
        ));
    }
}

#[cfg(not(unix))]
fn warn_if_open_to_others(_: &Path) {}

const MAIN_FILE: &str = "\
# Mirrorbox. Each adapter is adapters/NAME.wasm, set up by adapters/NAME.toml beside it.

# Where Mirrorbox keeps its own files, compiled adapters among them. Relative paths start at this directory.
# state = \"/var/lib/mirrorbox\"

# The agent's transcripts, for commands that are not told with --projects-dir.
# projects_dir = \"/home/me/.claude/projects\"

# When an append is answered: once it is on local disk, or once every destination has it.
# acknowledge = \"local\"    # or \"remote\"

# How long the local copy of what every destination has is kept: \"forever\", \"until-delivered\", or a time.
# keep = \"7d\"

# Whether adapters that may do more than adapters.lock says open without `mirrorbox adapters approve`.
# auto_approve = true
";

/// The manifest of the fs adapter.
fn manifest(store: &str) -> String {
    let store = toml_text(store);
    format!(
        "\
# The fs adapter: transcripts in a folder, a file for each batch.

# sha256 = \"…\"            # refuse any other component (`mirrorbox adapters inspect FILE` prints it)
# instances = 4           # how many at most; each serves one call at a time
# memory = \"512MiB\"       # the most that one instance may reach
# timeout = \"30s\"         # per call

[grants]                  # what the adapter may touch: this folder and nothing else
dirs = [{{ host = {store}, guest = \"/data\" }}]
{MIRROR_SECTION}"
    )
}

fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| CliError::usage(format!("no such path: {}: {error}", path.display())))
}

fn text(path: &Path) -> Result<String, CliError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| CliError::usage(format!("{} is not valid Unicode", path.display())))
}

#[cfg(test)]
mod tests {
    use mirrorbox::config::{Config, Manifest};

    use super::*;

    #[test]
    fn what_it_writes_can_be_read() {
        let hostile = "/srv/a \"b\" \\ ü\u{7f}\n";
        let manifest = Manifest::parse(Path::new("/adapters/fs.toml"), &manifest(hostile)).unwrap();
        assert_eq!(manifest.grants.dirs[0].host, Path::new(hostile));
        assert_eq!(manifest.grants.dirs[0].guest, "/data");
    }

    #[test]
    fn comments_show_settings_that_exist() {
        let uncommented = |text: &str| {
            let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ") || !line.starts_with('#');
            let lines = text
                .lines()
                .filter(is_setting)
                .map(|line| line.trim_start_matches("# "));
            lines.collect::<Vec<_>>().join("\n")
        };
        let text = uncommented(&manifest("/srv")).replace('…', &"0".repeat(64));
        Manifest::parse(Path::new("/adapters/fs.toml"), &text).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mirrorbox.toml"), uncommented(MAIN_FILE)).unwrap();
        let config = Config::load(dir.path(), Path::new("/state")).unwrap();
        assert_eq!(config.projects_dir.unwrap(), Path::new("/home/me/.claude/projects"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (config, store) = (dir.path().join("config"), dir.path().join("store"));
        std::fs::create_dir_all(config.join("adapters")).unwrap();
        std::fs::write(config.join("adapters/fs.toml"), "mine").unwrap();
        let error = make(&config, &store, b"component").unwrap_err().to_string();
        assert!(error.contains("adapters/fs.toml is there already"), "{error}");
        assert_eq!(std::fs::read(config.join("adapters/fs.toml")).unwrap(), b"mine");
        assert!(!config.join("mirrorbox.toml").exists() && !store.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_look() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let (config, store) = (dir.path().join("a/config"), dir.path().join("store"));
        make(&config, &store, b"component").unwrap();
        for made in [&config, &config.join("adapters"), &store] {
            assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{made:?}");
        }
        let mode = config.join("adapters/fs.toml").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read(config.join("adapters/fs.wasm")).unwrap(), b"component");
    }
}
