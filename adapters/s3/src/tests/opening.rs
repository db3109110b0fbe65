//! Settings: defaults, values that are refused, the page's table; and what `open` checks.

use mirrorbox_servers::Rclone;

use super::wire::{Turn, refusal};
use super::*;

const COMPLETE: [(&str, &str); 5] = [
    ("bucket", "b"),
    ("prefix", "a/b"),
    ("access_key_id", "identity"),
    ("secret_access_key", "secret-key"),
    ("session_token", "secret-token"),
];

fn read(more: &[(&str, &str)]) -> Result<Options> {
    Options::read(&Settings::from_pairs(COMPLETE.iter().chain(more).copied()))
}

fn open(backend: &Backend, change: impl FnOnce(&mut Options)) -> Error {
    let mut config = backend.config.clone();
    change(&mut config);
    S3::over(client::http(), config).unwrap_err()
}

#[test]
fn the_page_names_every_setting() {
    let page = include_str!("../../../../docs/adapters/s3.md");
    mirrorbox_adapter_rules::page::names_every_setting(page, &COMPLETE, |settings| Options::read(settings).map(drop));
}

#[test]
fn settings_have_defaults() {
    let config = read(&[]).unwrap();
    assert_eq!((config.prefix.as_str(), config.region.as_str()), ("a/b/", "us-east-1"));
    assert_eq!((config.compact_after, config.parallel), (256, 8));
    assert!(!config.path_style && !config.directory);
    let config = read(&[("endpoint", "http://x"), ("bucket", "b--euw1-az1--x-s3")]).unwrap();
    assert!(config.path_style && config.directory);
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    for (name, value) in [
        ("prefix", "/a"),
        ("prefix", "a//b"),
        ("prefix", "a/../b"),
        ("prefix", "a//"),
        ("prefix", "ü"),
        ("endpoint", "s3.example.com"),
        ("server_side_encryption", "aes"),
        ("kms_key_id", "key"),
        ("compact_after", "0"),
        ("parallel", "0"),
        ("parallel", "100"),
        ("acl", "public-read"),
        ("storage_class", "DEEP_ARCHIVE"),
        ("storage_class", "standard ia"),
        ("tags", "team"),
        ("tags", "team=a, env=b"),
        ("tags", "=a"),
        ("path_style", "yes"),
        ("bukket", "b"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        let named = matches!(&error, Error::Misconfigured(text) if text.contains(&format!("`{name}`")));
        assert!(named, "{error}");
    }
}

/// Profiles and roles are not asked: a manifest that expects it is refused with what to write.
#[test]
fn credentials_that_are_missing_are_named_with_what_to_write() {
    for name in ["access_key_id", "secret_access_key"] {
        let settings = COMPLETE.iter().filter(|(setting, _)| *setting != name).copied();
        let error = Options::read(&Settings::from_pairs(settings)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Misconfigured(_)), "{text}");
        for words in [name, "env =", "AWS_PROFILE", "export-credentials", "`session_token`"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", read(&[]).unwrap());
    assert!(!shown.contains("secret-"), "{shown}");
    let (_backend, s3) = Backend::with(0);
    let shown = format!("{s3:?}");
    assert!(!shown.contains("\"secret\""), "{shown}");
}

#[test]
fn opening_leaves_one_object_behind_and_disturbs_nobody() {
    let (backend, mut s3) = Backend::with(1);
    let mut other = backend.host();
    s3.append(&key(), entries(2), None).unwrap();
    other.append(&key(), entries(3), None).unwrap();
    assert_eq!(numbers(&mut s3), [1, 2, 3]);
    let objects = backend.everything();
    let others: Vec<_> = objects.iter().filter(|key| !key.starts_with("-srv-app/")).collect();
    assert_eq!(others, ["~/probe/if-none-match"]);
    assert_eq!(s3.list_projects(None, 9).unwrap().items, ["-srv-app"]);
}

#[test]
fn a_server_that_ignores_conditions_is_refused() {
    let rclone = Rclone::start().unwrap();
    rclone.make_bucket("b").unwrap();
    let endpoint = rclone.endpoint();
    let settings = [
        ("endpoint", endpoint.as_str()),
        ("access_key_id", Rclone::ACCESS_KEY),
        ("secret_access_key", Rclone::SECRET_KEY),
    ];
    let settings = Settings::from_pairs(COMPLETE[..2].iter().chain(&settings).copied());
    let error = S3::open(&settings).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, Error::Misconfigured(_)) && text.contains("ignores"),
        "{text}"
    );
    assert!(
        text.contains("`endpoint`") && !text.contains(Rclone::SECRET_KEY),
        "{text}"
    );
    let wrong = Options::read(&settings).map(|config| Options {
        credentials: aws_sdk_s3::config::Credentials::new(Rclone::ACCESS_KEY, "secret-other", None, None, "test"),
        ..config
    });
    let error = S3::over(client::http(), wrong.unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Denied(_)), "{text}");
    assert!(
        text.contains("`secret_access_key`") && !text.contains("secret-other"),
        "{text}"
    );
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let backend = Backend::new();
    let error = open(&backend, |config| config.bucket = "not-there".into());
    let text = error.to_string();
    assert!(matches!(error, Error::Misconfigured(_)), "{text}");
    assert!(text.contains("`bucket`") && text.contains("NoSuchBucket"), "{text}");
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let backend = Backend::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = open(&backend, |config| config.endpoint = Some(format!("http://{closed}")));
    assert!(
        matches!(&error, Error::Unavailable(text) if text.contains("`endpoint`")),
        "{error}"
    );
}

#[test]
fn a_server_that_does_not_know_the_condition_is_refused() {
    let backend = Backend::new();
    for (status, code) in [
        (501, "NotImplemented"),
        (400, "NotImplemented"),
        (405, "MethodNotAllowed"),
    ] {
        let wire = wire::Wire::default();
        wire.act(move |_| refusal(status, code, &[]));
        let error = S3::over(wire.client(), backend.config.clone()).unwrap_err();
        assert!(
            matches!(&error, Error::Misconfigured(text) if text.contains("`If-None-Match`")),
            "{error}"
        );
    }
}

#[test]
fn requests_are_addressed_and_encrypted_as_the_settings_say() {
    let backend = Backend::new();
    let first = |change: &dyn Fn(&mut Options)| {
        let wire = wire::Wire::default();
        wire.act(|_| Turn::Lost);
        let mut config = backend.config.clone();
        config.bucket = "words".into();
        change(&mut config);
        S3::over(wire.client(), config).unwrap_err();
        wire.rest().remove(0)
    };
    let by_path = first(&|config| config.endpoint = Some("http://s3.example.com:9000".into()));
    assert!(
        by_path.uri.starts_with("http://s3.example.com:9000/words/team/"),
        "{}",
        by_path.uri
    );
    let by_host = first(&|config| {
        config.endpoint = Some("http://s3.example.com:9000".into());
        config.path_style = false;
    });
    assert!(
        by_host.uri.starts_with("http://words.s3.example.com:9000/team/"),
        "{}",
        by_host.uri
    );
    let encrypted = first(&|config| {
        config.endpoint = None;
        config.path_style = false;
        config.region = "eu-central-1".into();
        config.encryption = Some("aws:kms".into());
        config.kms_key_id = Some("the-key".into());
        config.acl = Some("bucket-owner-full-control".into());
        config.storage_class = Some("STANDARD_IA".into());
        config.tags = Some("team=agents&cost%20centre=7".into());
    });
    assert!(
        encrypted
            .uri
            .starts_with("https://words.s3.eu-central-1.amazonaws.com/team/"),
        "{}",
        encrypted.uri
    );
    let header = |name: &str| encrypted.header(name);
    assert_eq!(encrypted.method, "PUT");
    assert_eq!(header("if-none-match"), Some("*"));
    assert_eq!(header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(header("x-amz-server-side-encryption-aws-kms-key-id"), Some("the-key"));
    assert_eq!(header("x-amz-acl"), Some("bucket-owner-full-control"));
    assert_eq!(header("x-amz-storage-class"), Some("STANDARD_IA"));
    assert_eq!(header("x-amz-tagging"), Some("team=agents&cost%20centre=7"));
    assert_eq!(
        header("content-md5"),
        Some("1B2M2Y8AsgTpgAmY7PhCfg=="),
        "of an empty body"
    );
}
