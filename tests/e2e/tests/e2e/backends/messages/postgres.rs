use mirrorbox_e2e::{Backend, ManifestText};
use mirrorbox_servers::{Certificates, Postgres, PostgresOptions};

use super::{CLOSED, NOWHERE, SECRET, Setup, WRONG, grant};

fn of(backend: &Backend) -> &Postgres {
    match backend {
        Backend::Postgres(postgres) => postgres,
        _ => panic!("another server"),
    }
}

#[test]
fn settings_of_postgres() {
    let started = Postgres::start().map(Backend::Postgres);
    let Some(setup) = Setup::before(started, Backend::manifest) else {
        return;
    };
    let guest = format!("CREATE ROLE guest LOGIN PASSWORD '{SECRET}'");
    of(&setup.backend).ask(&guest).unwrap();
    let here = format!("127.0.0.1:{}", setup.backend.port());
    let url = |user: &str, rest: &str| format!("postgres://{user}:{SECRET}@{rest}");
    for host in [NOWHERE, CLOSED] {
        let there = setup.but("url", &url("guest", &format!("{host}/postgres?sslmode=disable")));
        setup.refuses(
            &grant(there, &format!("postgres://{host}")),
            &["`url`", host, "cannot be reached"],
        );
    }
    let nothing_granted = setup.right.clone().without_grants();
    setup.refuses(&nothing_granted, &["`network` under [grants]", &here]);
    let without_rights = setup.but("url", &url("guest", &format!("{here}/postgres")));
    setup.refuses(&without_rights.set("schema", "mine"), &["`schema`", "42501"]);
    setup.refuses_each(&[
        ("password", WRONG, &["`password`", "28P01"]),
        ("url", &format!("postgres://guest@{here}/postgres"), &["set `password`"]),
        ("url", &url("nobody", &format!("{here}/postgres")), &["`url`", "28P01"]),
        ("url", &url("guest", &format!("{here}/nothing")), &["`url`", "3D000"]),
        ("schema", "a\"b", &["`schema`", ".toml, line"]),
        ("sslmode", "verify-full", &["`sslmode`", "server does not support TLS"]),
        ("pasword", WRONG, &["`pasword`", ".toml, line"]),
    ]);
}

#[test]
fn certificates_of_postgres() {
    let options = PostgresOptions {
        tls: Some(Certificates::new().unwrap()),
        ..PostgresOptions::default()
    };
    let started = Postgres::with(options).map(Backend::Postgres);
    let right = |backend: &Backend| {
        let postgres = of(backend);
        let text = ManifestText::default().set("url", postgres.url());
        let text = text.set("ca", postgres.certificates().unwrap().ca());
        grant(text, &format!("postgres://localhost:{}", backend.port()))
    };
    let Some(setup) = Setup::before(started, right) else {
        return;
    };
    setup.refuses(
        &setup.right.clone().unset("ca"),
        &["`ca`", "without a check", "openssl s_client"],
    );
    let stranger = Certificates::new().unwrap();
    setup.refuses_each(&[
        ("ca", stranger.ca(), &["`ca`", "`fingerprint = "]),
        ("ca", "PEM", &["`ca`", ".toml, line"]),
    ]);
    let in_the_clear = of(&setup.backend).url().replace("verify-full", "disable");
    let in_the_clear = setup.but("url", &in_the_clear).unset("ca");
    setup.refuses(&in_the_clear, &["`url`", "no encryption"]);
}
