//! Records which hosts an adapter reaches for while it may reach all of them, so that its manifest can grant just
//! those.

use std::fmt::Write as _;

use super::DirGrant;
use super::network::{NetworkAudit, NetworkGrant};

/// What an adapter needs of the network, found by letting it go where it wants: [`super::Manifest::audit`] begins one.
///
/// Clones are the same audit.
#[derive(Clone, Debug)]
pub struct Audit {
    dirs: Vec<DirGrant>,
    network: NetworkAudit,
}

impl Audit {
    pub(super) fn new(dirs: Vec<DirGrant>) -> Self {
        Self {
            dirs,
            network: NetworkAudit::default(),
        }
    }

    /// The network grants that were needed so far, in the order in which each was first needed.
    pub fn needed(&self) -> Vec<NetworkGrant> {
        self.network.needed()
    }

    /// The `[grants]` of a manifest that allows what was needed, and nothing else of the network. Directories stand
    /// there as the manifest has them: nobody can tell from outside which of them an adapter uses.
    pub fn manifest(&self) -> String {
        let mut text = "[grants]\n".to_owned();
        let dirs = self.dirs.iter().map(|grant| grant.entry(None));
        list(&mut text, "dirs", dirs);
        list(&mut text, "network", self.needed().iter().map(NetworkGrant::entry));
        text
    }

    pub(super) fn network(&self) -> NetworkAudit {
        self.network.clone()
    }
}

/// An entry a line, so that people can take some.
fn list(text: &mut String, name: &str, entries: impl Iterator<Item = String>) {
    let lines: String = entries.map(|entry| format!("    {entry},\n")).collect();
    // Writing to a string does not fail.
    let _ = match lines.is_empty() {
        true => Ok(()),
        false => writeln!(text, "{name} = [\n{lines}]"),
    };
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Manifest;
    use super::super::network::NetworkHost;

    const MANIFEST: &str = r#"[grants]
dirs = [{ host = "/srv/with \"quotes\"", guest = "/data", mode = "ro" }]
network = ["http://*.used.example", "redis://unused.example", { to = "https://tls.example", ca = "ca.pem" }]
"#;

    fn parse(text: &str) -> Manifest {
        Manifest::parse(Path::new("/etc/adapters/x.toml"), text).unwrap()
    }

    #[test]
    fn what_was_needed_becomes_a_manifest_that_allows_it() {
        let mut manifest = parse(MANIFEST);
        let audit = manifest.audit();
        let goes = |manifest: &Manifest| {
            let policy = manifest.policy();
            let [used, new, tls] =
                ["a.used.example", "new.example", "tls.example"].map(|name| NetworkHost::parse(name).unwrap());
            let dials = |tls, host: &NetworkHost, port, address: &str| {
                policy.request(tls, host, port).is_ok()
                    && policy.dial(tls, host, port, address.parse().unwrap()).is_ok()
            };
            [
                dials(false, &used, 80, "1.1.1.1"),
                dials(false, &new, 8080, "10.0.0.1"),
                dials(true, &tls, 443, "127.0.0.1"),
                policy.connect("127.0.0.1:6379".parse().unwrap(), []).is_ok(),
                policy.lookup(&new).is_ok()
                    && policy.answer(&new, "1.1.1.1".parse().unwrap()).is_ok()
                    && policy.connect("1.1.1.1:5432".parse().unwrap(), [&new]).is_ok(),
            ]
        };
        assert_eq!(goes(&parse(MANIFEST)), [true, false, false, false, false]);
        assert_eq!(goes(&manifest), [true; 5]);
        let mut again = parse(MANIFEST);
        again.continue_audit(&audit);
        assert_eq!(goes(&again), [true; 5]);
        let text = audit.manifest();
        assert_eq!(
            text,
            r#"[grants]
dirs = [
    { host = "/srv/with \"quotes\"", guest = "/data", mode = "ro" },
]
network = [
    "http://*.used.example",
    { to = "http://new.example:8080", private = true },
    { to = "https://tls.example:443", private = true, ca = "/etc/adapters/ca.pem" },
    "tcp://127.0.0.1:6379",
    "tcp://new.example:5432",
]
"#
        );
        assert_eq!(goes(&parse(&text)), [true; 5]);
    }

    #[test]
    fn an_audit_opens_no_way_to_credentials() {
        let mut manifest = parse("");
        let audit = manifest.audit();
        let policy = manifest.policy();
        let name = NetworkHost::parse("a.example").unwrap();
        for address in [
            "169.254.169.254",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
        ] {
            let address = address.parse().unwrap();
            assert!(policy.connect((address, 80).into(), []).is_err());
            assert!(policy.connect((address, 80).into(), [&name]).is_err());
            assert!(policy.request(false, &NetworkHost::from(address), 80).is_err());
            assert!(policy.dial(false, &name, 80, address).is_err());
            assert!(policy.answer(&name, address).is_err());
        }
        assert_eq!(audit.manifest(), "[grants]\n");
    }
}
