use std::sync::Arc;

use crate::host::{Host, HostError};
use crate::store::MemoryStore;

fn build(names: &[&str]) -> Result<(), HostError> {
    let state = tempfile::tempdir().unwrap();
    let add = |builder: crate::host::HostBuilder, name: &&str| builder.store(name, Arc::new(MemoryStore::new()));
    let host = names.iter().fold(Host::builder(state.path()), add).build_blocking()?;
    host.close_blocking(super::fixture::DEADLINE).map(drop)
}

#[test]
fn a_name_that_could_be_no_directory_is_refused() {
    let long = "x".repeat(201);
    for name in ["", "..", ".hidden", "a/b", "a\\b", "a\0b", &long] {
        let error = build(&[name]).unwrap_err();
        assert!(
            matches!(&error, HostError::Name(refused) if refused == name),
            "{name:?}: {error}"
        );
    }
}

#[test]
fn two_destinations_cannot_have_one_name() {
    assert!(matches!(build(&["a", "b", "a"]), Err(HostError::Name(name)) if name == "a"));
}

#[test]
fn unusual_names_that_are_unique_are_fine() {
    build(&["a", "A b", "ü", &"x".repeat(200)]).unwrap();
}
