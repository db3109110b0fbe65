use mirrorbox_e2e::{Backend, ManifestText};
use mirrorbox_servers::{Certificates, Redis, RedisOptions};

use super::{CLOSED, NOWHERE, SECRET, Setup, WRONG, grant};

#[test]
fn settings_of_redis() {
    let options = RedisOptions {
        password: Some(SECRET.into()),
        users: vec![format!("reader on >{SECRET} ~* +@read +info")],
        ..RedisOptions::default()
    };
    let started = Redis::with(options).map(Backend::Redis);
    let Some(setup) = Setup::before(started, Backend::manifest) else {
        return;
    };
    let here = format!("127.0.0.1:{}", setup.backend.port());
    for host in [NOWHERE, CLOSED] {
        let there = setup.but("url", &format!("redis://:{SECRET}@{host}"));
        setup.refuses(
            &grant(there, &format!("redis://{host}")),
            &["`url`", host, "cannot be reached"],
        );
    }
    let nothing_granted = setup.right.clone().without_grants();
    setup.refuses(&nothing_granted, &["`network` under [grants]", &here]);
    setup.refuses_each(&[
        ("password", WRONG, &["`password`", "WRONGPASS"]),
        ("url", &format!("redis://{here}"), &["`password`", "NOAUTH"]),
        ("username", "nobody", &["`username`", "WRONGPASS"]),
        ("username", "reader", &["`username`", "NOPERM"]),
        ("database", "99", &["`database`", "DB index"]),
        ("prefix", "{a}", &["`prefix`", ".toml, line"]),
        ("pasword", WRONG, &["`pasword`", ".toml, line"]),
        (
            "url",
            &format!("rediss://:{SECRET}@{here}"),
            &["`url`", "is it a TLS port"],
        ),
    ]);
}

#[test]
fn certificates_of_redis() {
    let options = RedisOptions {
        password: Some(SECRET.into()),
        tls: Some(Certificates::new().unwrap()),
        ..RedisOptions::default()
    };
    let started = Redis::with(options).map(Backend::Redis);
    let right = |backend: &Backend| {
        let Backend::Redis(redis) = backend else {
            panic!("another server")
        };
        let text = ManifestText::default().set("url", redis.url());
        let text = text.set("ca", redis.certificates().unwrap().ca());
        grant(text, &format!("rediss://localhost:{}", backend.port()))
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
    let in_the_clear = format!("redis://:{SECRET}@localhost:{}", setup.backend.port());
    let in_the_clear = setup.but("url", &in_the_clear).unset("ca");
    setup.refuses(&in_the_clear, &["`url`", "cannot be reached"]);
}
