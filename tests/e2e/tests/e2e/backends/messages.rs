//! Settings that are wrong: one line says which one, and what the server said; no secret is in anything that is printed.

use mirrorbox_e2e::{BUCKET, Backend, Installation, ManifestText};
use mirrorbox_servers::{
    Certificates, Postgres, PostgresOptions, Rclone, Redis, RedisOptions, ServerError, if_installed,
};

/// What lets one in, and what does not.
const SECRET: &str = "Sesame7531";
const WRONG: &str = "Mistaken8642";

/// A port that nobody listens at and nobody may listen at by chance.
const CLOSED: u16 = 1;

/// What is wrong, the manifest that says it, and the words that must be in the line.
type Mistake<'a> = (&'a str, ManifestText, &'a [&'a str]);

/// An installation before a server, with a manifest that is right.
struct Setup {
    dir: tempfile::TempDir,
    backend: Backend,
}

impl Setup {
    fn before(started: Result<Backend, ServerError>) -> Option<Self> {
        Some(Self {
            backend: if_installed(started).unwrap()?,
            dir: tempfile::tempdir().unwrap(),
        })
    }

    fn redis(options: RedisOptions) -> Option<Self> {
        Self::before(Redis::with(options).map(Backend::Redis))
    }

    fn postgres(options: PostgresOptions) -> Option<Self> {
        Self::before(Postgres::with(options).map(Backend::Postgres))
    }

    fn check(&self, right: &ManifestText, mistakes: &[Mistake<'_>]) {
        let installed = Installation::with(self.dir.path(), &self.backend);
        installed.set_manifest(&self.backend, right);
        let opened = installed.run(["adapters", "-vv"]);
        assert_eq!(opened.code, Some(0), "{opened:?}");
        tells_no_secret("nothing", &opened.stdout, &opened.stderr);
        for (what, manifest, words) in mistakes {
            installed.set_manifest(&self.backend, manifest);
            let ran = installed.run(["adapters", "-vv"]);
            assert_eq!(ran.code, Some(1), "{what}: {ran:?}");
            tells_no_secret(what, &ran.stdout, &ran.stderr);
            let said = ran.stderr.lines().filter(|line| line.starts_with("warning: "));
            let said: Vec<_> = said.collect();
            let [line] = said[..] else { panic!("{what}: {said:#?}") };
            println!("{what}: {line}");
            for word in *words {
                assert!(line.contains(word), "{what}: `{word}` is not in: {line}");
            }
        }
    }
}

fn tells_no_secret(what: &str, stdout: &str, stderr: &str) {
    for secret in [SECRET, WRONG, "owner's-word", "owner%27s-word"] {
        let told = stdout.contains(secret) || stderr.contains(secret);
        assert!(!told, "{what}: {secret} is in {stdout} {stderr}");
    }
}

fn to_name(grant: &str) -> String {
    format!("{{ to = {grant:?}, private = true }}")
}

#[test]
fn of_redis() {
    let options = RedisOptions {
        password: Some(SECRET.into()),
        users: vec![format!("reader on >{SECRET} ~* +@read +info")],
        ..RedisOptions::default()
    };
    let Some(setup) = Setup::redis(options) else { return };
    let port = setup.backend.port();
    let right = setup.backend.manifest();
    let at = |host: &str| {
        right
            .clone()
            .without_grants()
            .set("url", format!("redis://:{SECRET}@{host}"))
    };
    let grant = |text: ManifestText, to: &str| text.grant("network", to_name(&format!("redis://{to}")));
    let nobody = format!("localhost:{CLOSED}");
    let without_tls = right.clone().set("url", format!("rediss://:{SECRET}@127.0.0.1:{port}"));
    setup.check(
        &right,
        &[
            (
                "host",
                grant(at("no-such-host.invalid"), "no-such-host.invalid"),
                &["`url`", "no-such-host.invalid"],
            ),
            ("port", grant(at(&nobody), &nobody), &["`url`", "refused", &nobody]),
            (
                "grant",
                at(&format!("127.0.0.1:{port}")),
                &["[grants]", "`network`", &format!("127.0.0.1:{port}")],
            ),
            (
                "password",
                right.clone().set("password", WRONG),
                &["`password`", "WRONGPASS"],
            ),
            (
                "no password",
                right.clone().set("url", format!("redis://127.0.0.1:{port}")),
                &["`password`", "NOAUTH"],
            ),
            (
                "user",
                right.clone().set("username", "nobody"),
                &["`username`", "WRONGPASS"],
            ),
            (
                "rights",
                right.clone().set("username", "reader"),
                &["`username`", "NOPERM"],
            ),
            (
                "database",
                right.clone().set("database", 99),
                &["`database`", "DB index"],
            ),
            (
                "prefix",
                right.clone().set("prefix", "{a}"),
                &["`prefix`", ".toml, line"],
            ),
            (
                "misspelt",
                right.clone().set("pasword", WRONG),
                &["`pasword`", ".toml, line"],
            ),
            ("no TLS there", without_tls, &["`url`", "rediss://"]),
        ],
    );
}

#[test]
fn of_redis_with_a_private_authority() {
    let options = |certificates| RedisOptions {
        password: Some(SECRET.into()),
        tls: Some(certificates),
        ..RedisOptions::default()
    };
    let Some(setup) = Setup::redis(options(Certificates::new().unwrap())) else {
        return;
    };
    let Backend::Redis(redis) = &setup.backend else { return };
    let (port, ca) = (setup.backend.port(), redis.certificates().unwrap().ca());
    let text = ManifestText::default().set("url", redis.url());
    let without_ca = text.grant("network", to_name(&format!("rediss://localhost:{port}")));
    let right = without_ca.clone().set("ca", ca);
    let stranger = Certificates::new().unwrap();
    let in_the_clear = without_ca.clone().set("url", redis.url().replace("rediss:", "redis:"));
    setup.check(
        &right,
        &[
            ("no authority", without_ca.clone(), &["`ca`", "certificate"]),
            (
                "another authority",
                without_ca.clone().set("ca", stranger.ca()),
                &["`ca`", "certificate"],
            ),
            (
                "no certificate",
                without_ca.clone().set("ca", "PEM"),
                &["`ca`", ".toml, line"],
            ),
            ("in the clear", in_the_clear, &["`url`"]),
        ],
    );
}

#[test]
fn of_postgres() {
    let Some(setup) = Setup::postgres(PostgresOptions::default()) else {
        return;
    };
    let Backend::Postgres(postgres) = &setup.backend else {
        return;
    };
    let sql = format!("CREATE ROLE guest LOGIN PASSWORD '{SECRET}'");
    postgres.ask(&sql).unwrap();
    let port = setup.backend.port();
    let right = setup.backend.manifest();
    let url = |user: &str, host: &str, rest: &str| format!("postgres://{user}:{SECRET}@{host}/{rest}");
    let here = format!("127.0.0.1:{port}");
    let at = |host: &str| {
        right
            .clone()
            .without_grants()
            .set("url", url("guest", host, "postgres?sslmode=disable"))
    };
    let grant = |text: ManifestText, to: &str| text.grant("network", to_name(&format!("postgres://{to}")));
    let nobody = format!("localhost:{CLOSED}");
    setup.check(
        &right,
        &[
            (
                "host",
                grant(at("no-such-host.invalid"), "no-such-host.invalid"),
                &["`url`", "no-such-host.invalid"],
            ),
            ("port", grant(at(&nobody), &nobody), &["`url`", "refused", &nobody]),
            ("grant", at(&here), &["[grants]", "`network`", &here]),
            (
                "password",
                right.clone().set("password", WRONG),
                &["`password`", "28P01"],
            ),
            (
                "no password",
                right.clone().set("url", format!("postgres://guest@{here}/postgres")),
                &["`password`"],
            ),
            (
                "user",
                right.clone().set("url", url("nobody", &here, "postgres")),
                &["`url`", "28P01"],
            ),
            (
                "database",
                right.clone().set("url", url("guest", &here, "nothing")),
                &["`url`", "3D000"],
            ),
            (
                "rights",
                right
                    .clone()
                    .set("url", url("guest", &here, "postgres"))
                    .set("schema", "mine"),
                &["`schema`", "42501"],
            ),
            (
                "schema",
                right.clone().set("schema", "a\"b"),
                &["`schema`", ".toml, line"],
            ),
            (
                "TLS",
                right.clone().set("sslmode", "verify-full"),
                &["`sslmode`", "TLS"],
            ),
            (
                "misspelt",
                right.clone().set("pasword", WRONG),
                &["`pasword`", ".toml, line"],
            ),
        ],
    );
}

#[test]
fn of_postgres_with_a_private_authority() {
    let options = PostgresOptions {
        tls: Some(Certificates::new().unwrap()),
        ..PostgresOptions::default()
    };
    let Some(setup) = Setup::postgres(options) else { return };
    let Backend::Postgres(postgres) = &setup.backend else {
        return;
    };
    let (port, ca) = (setup.backend.port(), postgres.certificates().unwrap().ca());
    let text = ManifestText::default().set("url", postgres.url());
    let without_ca = text.grant("network", to_name(&format!("postgres://localhost:{port}")));
    let right = without_ca.clone().set("ca", ca);
    let stranger = Certificates::new().unwrap();
    let in_the_clear = without_ca
        .clone()
        .set("url", postgres.url().replace("verify-full", "disable"));
    setup.check(
        &right,
        &[
            ("no authority", without_ca.clone(), &["`ca`", "certificate"]),
            (
                "another authority",
                without_ca.clone().set("ca", stranger.ca()),
                &["`ca`", "certificate"],
            ),
            (
                "no certificate",
                without_ca.clone().set("ca", "PEM"),
                &["`ca`", ".toml, line"],
            ),
            ("in the clear", in_the_clear, &["no encryption"]),
        ],
    );
}

#[test]
fn of_s3() {
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start("s3", dir.path()) else {
        return;
    };
    let setup = Setup { dir, backend };
    let port = setup.backend.port();
    let right = setup.backend.manifest().set("secret_access_key", SECRET);
    let at = |endpoint: &str| right.clone().without_grants().set("endpoint", endpoint);
    let grant = |text: ManifestText, to: &str| text.grant("network", to_name(to));
    let (far, nobody) = ("http://no-such-host.invalid", format!("http://localhost:{CLOSED}"));
    let with_tls = format!("https://localhost:{port}");
    let of_amazon = right.clone().unset("endpoint").set("region", "no-such-region");
    setup.check(
        &right,
        &[
            ("host", grant(at(far), far), &["`endpoint`"]),
            ("port", grant(at(&nobody), &nobody), &["`endpoint`"]),
            (
                "grant",
                at(&format!("http://127.0.0.1:{port}")),
                &["[grants]", "`network`", "`endpoint`"],
            ),
            ("no TLS there", grant(at(&with_tls), &with_tls), &["`endpoint`"]),
            (
                "bucket",
                right.clone().set("bucket", "another"),
                &["`bucket`", "NoSuchBucket"],
            ),
            ("region", of_amazon, &["`region`", "[grants]"]),
            (
                "no secret",
                right.clone().unset("secret_access_key"),
                &["`secret_access_key`"],
            ),
            (
                "prefix",
                right.clone().set("prefix", "a//b"),
                &["`prefix`", ".toml, line"],
            ),
            (
                "misspelt",
                right.clone().set("buckt", WRONG),
                &["`buckt`", ".toml, line"],
            ),
        ],
    );
}

/// This server checks signatures, and cannot keep the contract.
#[test]
fn of_s3_where_signatures_are_checked() {
    let Some(rclone) = if_installed(Rclone::start()).unwrap() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let Some(backend) = Backend::start("s3", dir.path()) else {
        return;
    };
    rclone.make_bucket(BUCKET).unwrap();
    let setup = Setup { dir, backend };
    let endpoint = rclone.endpoint();
    let there = setup.backend.manifest().without_grants();
    let there = there
        .grant("network", format!("{endpoint:?}"))
        .set("endpoint", &endpoint);
    let identified = there.clone().set("access_key_id", Rclone::ACCESS_KEY);
    setup.check(
        &setup.backend.manifest(),
        &[
            (
                "secret",
                identified.clone().set("secret_access_key", WRONG),
                &["`secret_access_key`", "403"],
            ),
            (
                "conditions",
                identified.set("secret_access_key", Rclone::SECRET_KEY),
                &["`endpoint`", "If-None-Match"],
            ),
        ],
    );
}
