//! Settings that are wrong: one line says which one, and what the server said; no secret is in anything that is
//! printed.

mod postgres;
mod redis;
mod s3;

use mirrorbox_e2e::{Backend, Installation, ManifestText, Ran};
use mirrorbox_servers::{ServerError, if_installed};

/// What lets one in, and what does not.
const SECRET: &str = "Sesame7531";
const WRONG: &str = "Mistaken8642";

/// The password of every PostgreSQL server, as it is and as it stands in URLs.
const OWNERS: [&str; 2] = ["owner's-word", "owner%27s-word"];

/// Where nobody listens, and where nobody is.
const CLOSED: &str = "localhost:1";
const NOWHERE: &str = "no-such-host.invalid";

/// An installation before a server, and a manifest that is right.
struct Setup {
    backend: Backend,
    installed: Installation,
    right: ManifestText,
    _dir: tempfile::TempDir,
}

impl Setup {
    /// None where the server is not installed. `right` puts together what must open.
    fn before(started: Result<Backend, ServerError>, right: impl FnOnce(&Backend) -> ManifestText) -> Option<Self> {
        let backend = if_installed(started).unwrap()?;
        let dir = tempfile::tempdir().unwrap();
        let setup = Self {
            installed: Installation::with(dir.path(), &backend),
            right: right(&backend),
            backend,
            _dir: dir,
        };
        let opened = setup.run(&setup.right);
        assert_eq!(opened.code, Some(0), "{opened:?}");
        Some(setup)
    }

    /// What `mirrorbox adapters` says, with as much of a log as there is.
    fn run(&self, manifest: &ManifestText) -> Ran {
        self.installed.set_manifest(&self.backend, manifest);
        let ran = self.installed.run(["adapters", "-vv"]);
        for secret in [SECRET, WRONG].iter().chain(&OWNERS) {
            assert!(!ran.stdout.contains(secret), "{secret} is told: {ran:?}");
            assert!(!ran.stderr.contains(secret), "{secret} is told: {ran:?}");
        }
        ran
    }

    /// With this manifest the adapter does not open, and one line has all of these words.
    fn refuses(&self, manifest: &ManifestText, words: &[&str]) {
        let ran = self.run(manifest);
        assert_eq!(ran.code, Some(1), "{words:?}: {ran:?}");
        let said = ran.stderr.lines().filter(|line| line.starts_with("warning: "));
        let [line] = said.collect::<Vec<_>>()[..] else {
            panic!("not one line: {}", ran.stderr);
        };
        for word in words {
            assert!(line.contains(word), "{word} is not in: {line}");
        }
    }

    /// The same for the right manifest but for one setting, of each of these.
    fn refuses_each(&self, mistakes: &[(&str, &str, &[&str])]) {
        for (setting, value, words) in mistakes {
            self.refuses(&self.but(setting, value), words);
        }
    }

    /// The right manifest but for one setting.
    fn but(&self, setting: &str, value: &str) -> ManifestText {
        self.right.clone().set(setting, value)
    }
}

/// Grants a name that leads to this machine, and nothing else.
fn grant(text: ManifestText, to: &str) -> ManifestText {
    text.without_grants()
        .grant("network", format!("{{ to = {to:?}, private = true }}"))
}
