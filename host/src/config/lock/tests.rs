//! What counts as wider than the approved permissions, and that `adapters.lock` is read as it was written.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;

use super::permissions::Further;
use super::*;
use crate::config::network::{HostPattern, NetworkGrant, NetworkHost, NetworkPolicy};
use crate::config::{DirGrant, DirMode, Grants, Manifest};

fn entry(digest: u8, imports: &[&str], grants: Grants) -> LockEntry {
    let imports: Vec<_> = imports.iter().map(|import| (*import).to_owned()).collect();
    LockEntry {
        sha256: format!("{digest:02x}").repeat(32),
        permissions: Permissions::new(
            &imports,
            grants.network,
            grants.dirs,
            Further::default(),
            Path::new("/etc/adapters"),
        ),
        tried: false,
    }
}

fn network(entries: &[&str]) -> Grants {
    Grants {
        network: entries
            .iter()
            .map(|entry| NetworkGrant::parse(entry).unwrap())
            .collect(),
        ..Grants::default()
    }
}

#[test]
fn the_first_is_new_and_again_it_is_the_same() {
    let first = entry(1, &["wasi:io/poll@0.2.6"], network(&["https://a.example"]));
    assert_eq!(first.verdict(None), Verdict::New);
    assert_eq!(first.verdict(Some(&first.clone())), Verdict::Same);
}

#[test]
fn another_component_with_other_versions_of_its_imports_is_no_wider() {
    let old = entry(1, &["wasi:io/poll@0.2.3", "wasi:io/streams@0.2.3"], Grants::default());
    let new = entry(2, &["wasi:io/poll@0.2.6"], Grants::default());
    let Verdict::Changed(difference) = new.verdict(Some(&old)) else {
        panic!("{:?}", new.verdict(Some(&old)));
    };
    assert_eq!(difference.less, ["imports wasi:io/streams"]);
    assert!(difference.more.is_empty());
}

#[test]
fn what_is_new_is_named_line_by_line() {
    let old = entry(1, &["wasi:io/poll@0.2.6"], network(&["https://a.x.example"]));
    let grants = Grants {
        dirs: vec![DirGrant {
            host: "/srv".into(),
            guest: "/data".into(),
            mode: DirMode::ReadOnly,
        }],
        ..network(&["https://*.x.example"])
    };
    let new = entry(1, &["wasi:http/types@0.2.6", "wasi:io/poll@0.2.6"], grants);
    let Verdict::Wider(difference) = new.verdict(Some(&old)) else {
        panic!("{:?}", new.verdict(Some(&old)));
    };
    assert_eq!(
        difference.more,
        [
            "imports wasi:http/types",
            "network \"https://*.x.example\"",
            "dirs { host = \"/srv\", guest = \"/data\", mode = \"ro\" }"
        ]
    );
    // The other way round it is narrower.
    assert!(matches!(old.verdict(Some(&new)), Verdict::Changed(_)));
}

const IMPORTS: &[&str] = &["a:a/a@0.1.0", "a:a/a@0.1.1", "a:a/b@1.0.0", "a:a/c"];
const HOSTS: &[&str] = &[
    "x.example",
    "a.x.example",
    "*.x.example",
    "*.a.x.example",
    "10.0.0.1",
    "10.0.0.0/8",
];
const DIRS: &[&str] = &["/srv", "/srv/a", "/srv/a/b", "/srv/ab", "/"];

fn grants() -> impl Strategy<Value = Grants> {
    let network = (select(HOSTS), 1..3_u16, any::<bool>()).prop_map(|(host, port, private)| {
        let mut grant = NetworkGrant::parse(&format!("tcp://{host}:{port}")).unwrap();
        grant.private = private
            && matches!(
                grant.host,
                HostPattern::NetworkHost(NetworkHost::Name(_)) | HostPattern::Below(_)
            );
        grant
    });
    let dirs =
        (select(DIRS), any::<bool>(), select(&["/one", "/two"][..])).prop_map(|(host, writes, guest)| DirGrant {
            host: host.into(),
            guest: guest.into(),
            mode: if writes { DirMode::ReadWrite } else { DirMode::ReadOnly },
        });
    let vec = |most| 0..most;
    (
        prop::collection::vec(network, vec(4)),
        prop::collection::vec(dirs, vec(4)),
    )
        .prop_map(|(network, dirs)| Grants { dirs, network })
}

/// Every question that the grants above can answer differently, and the answers.
fn answers(imports: &[&str], grants: &Grants) -> Vec<bool> {
    let mut answers = Vec::new();
    for interface in ["a:a/a", "a:a/b", "a:a/c"] {
        answers.push(imports.iter().any(|import| import.split('@').next() == Some(interface)));
    }
    for path in ["/srv/f", "/srv/a/f", "/srv/a/b/f", "/srv/ab/f", "/f"] {
        let reading = |grant: &&DirGrant| Path::new(path).starts_with(&grant.host);
        answers.push(grants.dirs.iter().any(|grant| reading(&grant)));
        let writing = |grant: &DirGrant| reading(&grant) && grant.mode == DirMode::ReadWrite;
        answers.push(grants.dirs.iter().any(writing));
    }
    let policy = NetworkPolicy::new(grants.network.clone());
    for name in ["x.example", "a.x.example", "z.x.example", "z.a.x.example"] {
        let name = NetworkHost::parse(name).unwrap();
        for to in [
            "1.1.1.1:1",
            "1.1.1.1:2",
            "10.0.0.1:1",
            "10.0.0.1:2",
            "10.9.9.9:1",
            "10.9.9.9:2",
            // Private, and in no range above: what a name that may lead to anything private allows beyond them.
            "192.168.0.1:1",
            "192.168.0.1:2",
        ] {
            let to: std::net::SocketAddr = to.parse().unwrap();
            answers.push(policy.connect(to, []).is_ok());
            answers.push(policy.answer(&name, to.ip()).is_ok() && policy.connect(to, [&name]).is_ok());
        }
    }
    answers
}

/// A name that may lead anywhere private allows more than the ranges that were granted beside it.
#[test]
fn a_private_name_is_wider_than_the_private_range_that_was_granted() {
    let mut before = network(&["tcp://x.example:1", "tcp://x.example:2", "tcp://10.0.0.0/8:2"]);
    before.network[0].private = true;
    let mut now = network(&["tcp://x.example:2"]);
    now.network[0].private = true;
    let allowed = answers(&[], &now).into_iter().zip(answers(&[], &before));
    assert!(allowed.into_iter().any(|(now, before)| now && !before));
    let (now, before) = (entry(1, &[], now), entry(1, &[], before));
    assert!(matches!(now.verdict(Some(&before)), Verdict::Wider(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn wider_is_exactly_what_allows_something_new(
        old_imports in prop::collection::vec(select(IMPORTS), 0..4),
        new_imports in prop::collection::vec(select(IMPORTS), 0..4),
        old in grants(),
        new in grants(),
    ) {
        let (before, now) = (answers(&old_imports, &old), answers(&new_imports, &new));
        let allows_more = now.iter().zip(&before).any(|(now, before)| *now && !before);
        let (old, new) = (entry(1, &old_imports, old), entry(2, &new_imports, new));
        let is_wider = matches!(new.verdict(Some(&old)), Verdict::Wider(_));
        prop_assert_eq!(is_wider, allows_more);
    }

    #[test]
    fn what_is_written_is_read_as_the_same(names in prop::collection::btree_set(".{1,12}", 0..4), grants in grants()) {
        let entries = names.into_iter().map(|name| (name, entry(7, &["wasi:io/poll@0.2.6"], grants.clone())));
        let content = Content { entries: entries.collect() };
        let text = content.to_string();
        let path = Path::new("/etc/adapters.lock");
        let again = Content::parse(path, &text, Path::new("/etc/adapters")).unwrap();
        prop_assert_eq!(&again, &content);
        prop_assert_eq!(again.to_string(), text);
    }
}

#[test]
fn the_file_is_made_for_review() {
    let mut private = network(&[
        "redis://r.internal",
        "https://b.example",
        "https://a.example",
        "https://b.example",
    ]);
    private.network[0].private = true;
    private.network[1].ca = Some("/etc/adapters/ca.pem".into());
    private.dirs = vec![DirGrant {
        host: "/etc/adapters/near".into(),
        guest: "/data".into(),
        mode: DirMode::ReadWrite,
    }];
    let redis = entry(2, &["wasi:sockets/tcp@0.2.6", "wasi:io/poll@0.2.6"], private);
    let entries = [
        ("redis".to_owned(), redis),
        ("a b".to_owned(), entry(1, &[], Grants::default())),
    ];
    let text = Content {
        entries: entries.into(),
    }
    .to_string();
    let (_, body) = text.split_once("\n\n").unwrap();
    let expected = "\
[adapters.\"a b\"]
sha256 = \"0101010101010101010101010101010101010101010101010101010101010101\"
imports = []
network = []
dirs = []
secrets = []
limits = []

[adapters.\"redis\"]
sha256 = \"0202020202020202020202020202020202020202020202020202020202020202\"
imports = [
    \"wasi:io/poll\",
    \"wasi:sockets/tcp\",
]
network = [
    \"https://a.example\",
    \"https://b.example\",
    { to = \"https://b.example\", ca = \"ca.pem\" },
    { to = \"redis://r.internal\", private = true },
]
dirs = [
    { host = \"near\", guest = \"/data\", mode = \"rw\" },
]
secrets = []
limits = []
";
    assert_eq!(body, expected);
}

#[test]
fn a_broken_file_is_an_error_with_its_line() {
    for (content, line) in [
        ("[adapters.a]\nsha256 = \"12\"\n", "line 2: sha256 is not 64 hex digits"),
        ("# one\n<<<<<<< HEAD\n", "line 2"),
        ("[adapters.a]\nsha265 = \"\"\n", "line 2: unknown field `sha265`"),
        ("\n[adapters.a]\n", "line 2: missing field `sha256`"),
    ] {
        let error = Content::parse(Path::new("/etc/adapters.lock"), content, Path::new("/")).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("/etc/adapters.lock, ") && error.contains(line),
            "{error}"
        );
    }
}

/// What a manifest with these lines may do; the component is always the same.
fn of_manifest(lines: &str) -> LockEntry {
    let manifest = Manifest::parse(Path::new("/etc/adapters/a.toml"), lines).unwrap();
    LockEntry {
        sha256: "01".repeat(32),
        permissions: Permissions::of(&[], &manifest, Path::new("/etc/adapters")),
        tried: false,
    }
}

fn more(new: &LockEntry, old: &LockEntry) -> Vec<String> {
    match new.verdict(Some(old)) {
        Verdict::Wider(difference) => difference.more,
        verdict => {
            assert!(matches!(verdict, Verdict::Same | Verdict::Changed(_)), "{verdict:?}");
            Vec::new()
        }
    }
}

#[test]
fn where_secrets_come_from_and_limits_above_the_usual_are_permissions() {
    let plain = of_manifest("instances = 2\ntimeout = \"10s\"\n[config]\nuser = \"me\"\n");
    let secrets = of_manifest("[config]\na = { env = \"KEY\" }\nb = { file = \"/run/secrets/b\" }\n");
    assert_eq!(
        more(&secrets, &plain),
        ["secrets env KEY", "secrets file /run/secrets/b"]
    );
    assert_eq!(more(&plain, &secrets), [""; 0]);
    // Which setting it goes to makes no difference.
    assert_eq!(
        more(&of_manifest("[config]\nc = { env = \"KEY\" }\n"), &secrets),
        [""; 0]
    );
    let raised = "instances = 8\nmemory = \"1GiB\"\ntimeout = \"1m\"\nreturns = \"200MiB\"\nlog_lines = 101\nidle_connections = 33";
    let raised = of_manifest(raised);
    let expected = [
        "limits instances 8",
        "limits memory 1073741824 bytes",
        "limits timeout 60000 ms",
        "limits returns 209715200 bytes",
        "limits log_lines 101 a second",
        "limits idle_connections 33 a server",
    ];
    assert_eq!(more(&raised, &plain), expected);
    assert_eq!(more(&plain, &raised), [""; 0]);
    assert_eq!(more(&of_manifest("instances = 9"), &raised), ["limits instances 9"]);
    assert_eq!(more(&of_manifest("instances = 7"), &raised), [""; 0]);
    // And they are read as they are written.
    for entry in [plain, secrets, raised] {
        let content = Content {
            entries: [("a".to_owned(), entry)].into(),
        };
        let again = Content::parse(Path::new("/l"), &content.to_string(), Path::new("/etc/adapters")).unwrap();
        assert_eq!(again, content);
    }
}

#[test]
fn a_lock_of_an_older_version_goes_on() {
    let digest = "01".repeat(32);
    let text = format!("[adapters.a]\nsha256 = \"{digest}\"\nimports = []\nnetwork = []\ndirs = []\n");
    let content = Content::parse(Path::new("/l"), &text, Path::new("/etc/adapters")).unwrap();
    let old = &content.entries["a"];
    let now = of_manifest("instances = 8\n[config]\na = { env = \"KEY\" }\n");
    // What the older version used without asking is taken over with the component and the grants that it knew.
    assert!(
        matches!(now.verdict(Some(old)), Verdict::Changed(_)),
        "{:?}",
        now.verdict(Some(old))
    );
    // Any other component, or any other grant, brings what nobody has seen.
    let other = LockEntry {
        sha256: "02".repeat(32),
        ..now.clone()
    };
    assert_eq!(more(&other, old), ["secrets env KEY", "limits instances 8"]);
    let granted = of_manifest("[config]\na = { env = \"KEY\" }\n[grants]\nnetwork = [\"https://a.example\"]\n");
    assert_eq!(
        more(&granted, old),
        ["network \"https://a.example\"", "secrets env KEY"]
    );
    // An older lock is written as it was read until its adapter has opened.
    assert!(!content.to_string().contains("secrets"));
}

/// A merge by hand may leave one of the two lines: no version wrote that, so nothing of it was used without asking.
#[test]
fn an_entry_with_one_of_the_newer_lines_is_no_older_one() {
    for line in ["limits = [\"instances 8\"]", "limits = []", "secrets = [\"env KEY\"]"] {
        let text = format!("[adapters.a]\nsha256 = \"{}\"\n{line}\n", "01".repeat(32));
        let content = Content::parse(Path::new("/l"), &text, Path::new("/etc/adapters")).unwrap();
        let again = Content::parse(Path::new("/l"), &content.to_string(), Path::new("/etc/adapters")).unwrap();
        assert_eq!(again, content, "{line}");
        let now = of_manifest("instances = 8\n[config]\na = { env = \"KEY\" }\n");
        let other = LockEntry {
            sha256: "02".repeat(32),
            ..now
        };
        assert!(!more(&other, &content.entries["a"]).is_empty(), "{line}");
    }
}

#[test]
fn what_is_no_limit_is_told() {
    let text = format!(
        "[adapters.a]\nsha256 = \"{}\"\nlimits = [\"instances many\"]\n",
        "01".repeat(32)
    );
    let error = Content::parse(Path::new("/l"), &text, Path::new("/"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 3") && error.contains("\"instances many\" is no limit"),
        "{error}"
    );
}
