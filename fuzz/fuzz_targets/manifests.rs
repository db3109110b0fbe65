//! A manifest is a person's file: whatever it says, it is read or refused with its place, and a grant that was read
//! says of itself what was granted.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mirrorbox::config::Manifest;
use mirrorbox::config::network::{NetworkGrant, NetworkHost, NetworkPolicy};

fuzz_target!(|text: &str| {
    let path = Path::new("/etc/mirrorbox/adapters/made-up.toml");
    match Manifest::parse(path, text) {
        Ok(manifest) => {
            manifest.grants.network.iter().for_each(says_itself);
            let policy = NetworkPolicy::new(manifest.grants.network.clone());
            metadata_needs_its_own_grant(&policy);
        }
        Err(error) => assert!(
            error.to_string().starts_with("/etc/mirrorbox/adapters/made-up.toml"),
            "{error}"
        ),
    }
});

fn says_itself(grant: &NetworkGrant) {
    let again = NetworkGrant::parse(&grant.to_string()).expect("what a grant says can be granted");
    assert_eq!(again.to_string(), grant.to_string());
    assert_eq!(again.port, grant.port);
}

/// No grant of a name lets anybody reach where a cloud keeps a machine's keys.
fn metadata_needs_its_own_grant(policy: &NetworkPolicy) {
    let metadata = "169.254.169.254".parse().expect("an address");
    for grant in policy.grants() {
        for name in ["a.example", "metadata.internal"] {
            let host = NetworkHost::parse(name).expect("a name");
            assert!(policy.dial(true, &host, grant.port, metadata).is_err(), "{grant}");
        }
    }
}
