use mirrorbox_e2e::{BUCKET, Backend};
use mirrorbox_servers::{Moto, Rclone, if_installed};

use super::{CLOSED, NOWHERE, SECRET, Setup, WRONG, grant};

fn before_moto() -> Option<Setup> {
    let started = Moto::start().and_then(|moto| moto.make_bucket(BUCKET).map(|()| Backend::S3(moto)));
    Setup::before(started, |backend| backend.manifest().set("secret_access_key", SECRET))
}

#[test]
fn settings_of_s3() {
    let Some(setup) = before_moto() else { return };
    let port = setup.backend.port();
    let with_tls = format!("https://localhost:{port}");
    for (endpoint, cause) in [
        (&format!("http://{NOWHERE}"), "cannot be looked up"),
        (&format!("http://{CLOSED}"), "`If-None-Match`"),
        (&with_tls, "`If-None-Match`"),
    ] {
        let there = setup.but("endpoint", endpoint);
        setup.refuses(&grant(there, endpoint), &["`endpoint`", cause]);
    }
    let nothing_granted = setup.right.clone().without_grants();
    setup.refuses(&nothing_granted, &["`endpoint`", "`network` under [grants]"]);
    let of_amazon = setup.but("region", "no-such-region").unset("endpoint");
    setup.refuses(&of_amazon, &["`region`", "`network` under [grants]"]);
    let no_secret = setup.right.clone().unset("secret_access_key");
    setup.refuses(&no_secret, &["`secret_access_key`"]);
    setup.refuses_each(&[
        ("bucket", "another", &["`bucket`", "NoSuchBucket"]),
        ("prefix", "a//b", &["`prefix`", ".toml, line"]),
        ("buckt", WRONG, &["`buckt`", ".toml, line"]),
    ]);
}

/// rclone checks signatures, and cannot keep the contract.
#[test]
fn secrets_and_conditions_of_s3() {
    let Some(rclone) = if_installed(Rclone::start()).unwrap() else {
        return;
    };
    let Some(setup) = before_moto() else { return };
    rclone.make_bucket(BUCKET).unwrap();
    let endpoint = rclone.endpoint();
    let there = setup.but("endpoint", &endpoint).without_grants();
    let there = there.grant("network", format!("{endpoint:?}"));
    let there = there.set("access_key_id", Rclone::ACCESS_KEY);
    let with = |secret: &str| there.clone().set("secret_access_key", secret);
    setup.refuses(&with(WRONG), &["`secret_access_key`", "403 SignatureDoesNotMatch"]);
    setup.refuses(&with(Rclone::SECRET_KEY), &["`endpoint`", "ignores `If-None-Match`"]);
}
