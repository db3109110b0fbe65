//! A manifest to begin with, made from what a component imports.

use mirrorbox::adapter::Wants;
use mirrorbox::config::Manifest;

/// A manifest to begin with, for a component that has none: what it imports suggests what it may want.
pub(super) fn manifest(sha256: &str, imports: &[String]) -> String {
    let defaults = Manifest::default();
    let limits = format!(
        "\
# instances = {}           # how many at most; each serves one call at a time
# memory = \"{}MiB\"       # the most that one instance may reach
# timeout = \"{}s\"         # per call
",
        defaults.instances,
        defaults.memory() >> 20,
        defaults.timeout.as_secs(),
    );
    let wants = Wants::of(imports.iter().map(String::as_str));
    format!(
        "\
# Refuses every other component; leave it out to take newer ones as they come.
sha256 = \"{sha256}\"
{limits}
[config]
{}
[grants]
{}
[mirror]
# projects = [\"*\"]        # which project keys come here; * stands for any text
",
        settings(wants),
        grants(wants),
    )
}

fn settings(wants: Wants) -> &'static str {
    match wants.settings {
        true => {
            "\
# It reads settings; which ones, its documentation says. Secrets come from elsewhere:
# key = \"value\"
# secret = { env = \"NAME\" }
"
        }
        false => "# It reads no settings.\n",
    }
}

fn grants(wants: Wants) -> String {
    let mut lines = vec![
        "# What it may touch: nothing but what stands here. An import is no need: grant what it cannot do without.",
    ];
    let network = match (wants.http, wants.sockets) {
        (true, true) => Some("# network = [\"https://host.example.com\", \"tcp://host.example.com:1234\"]"),
        (true, false) => Some("# network = [\"https://host.example.com\"]"),
        (false, true) => Some("# network = [\"tcp://host.example.com:1234\"]"),
        (false, false) => None,
    };
    if let Some(network) = network {
        lines.push("# It can connect:");
        lines.push(network);
    }
    if wants.files {
        lines.push("# It can use directories (whatever is built with a language's standard library says so):");
        lines.push("# dirs = [{ host = \"/srv/transcripts\", guest = \"/data\", mode = \"rw\" }]");
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Manifest {
        Manifest::parse(Path::new("/adapters/mine.toml"), text).unwrap()
    }

    /// Every line that shows a setting, uncommented.
    fn uncommented(text: &str) -> String {
        let is_setting = |line: &&str| !line.starts_with('#') || line.contains(" = ");
        let lines = text
            .lines()
            .filter(is_setting)
            .map(|line| line.trim_start_matches("# "));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_printed_is_a_manifest() {
        let digest = "ab".repeat(32);
        for imports in [
            &[][..],
            &["wasi:filesystem/preopens@0.2.6"],
            &["wasi:http/outgoing-handler@0.2.6", "wasi:config/store@0.2.0-rc.1"],
            &[
                "wasi:sockets/tcp@0.2.6",
                "wasi:http/outgoing-handler@0.2.6",
                "wasi:filesystem/preopens@0.2.6",
            ],
        ] {
            let imports: Vec<_> = imports.iter().map(|import| (*import).to_owned()).collect();
            let text = manifest(&digest, &imports);
            let printed = parse(&text);
            assert_eq!(printed.sha256.as_deref(), Some(&digest[..]));
            assert!(printed.grants.network.is_empty() && printed.grants.dirs.is_empty());
            let wants = Wants::of(imports.iter().map(String::as_str));
            let filled_in = parse(&uncommented(&text));
            assert_eq!(
                filled_in.grants.network.is_empty(),
                !wants.http && !wants.sockets,
                "{text}"
            );
            assert_eq!(filled_in.grants.dirs.is_empty(), !wants.files, "{text}");
            assert_eq!(filled_in.settings().is_empty(), !wants.settings, "{text}");
        }
    }

    #[test]
    fn the_limits_shown_are_the_defaults() {
        let filled_in = parse(&uncommented(&manifest(&"0".repeat(64), &[])));
        let defaults = Manifest::default();
        let limits = |manifest: &Manifest| (manifest.instances, manifest.memory(), manifest.timeout);
        assert_eq!(limits(&filled_in), limits(&defaults));
    }
}
