//! What a replaced file lets others do, and what is left when it could not be replaced.

#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn it_lets_others_do_what_its_model_does() {
    let dir = tempfile::tempdir().unwrap();
    let [usual, model, place] = ["usual", "model", "place"].map(|name| dir.path().join(name));
    fs::write(&usual, "").unwrap();
    FreshFile::write_like(&model, &place, b"1").unwrap().put().unwrap();
    assert_eq!(mode(&place), mode(&usual));
    fs::write(&model, "").unwrap();
    set_mode(&model, 0o640);
    FreshFile::write_like(&model, &place, b"2").unwrap().put().unwrap();
    assert_eq!(mode(&place), 0o640);
    assert_eq!(fs::read(&place).unwrap(), b"2");
}

#[test]
fn a_private_one_stays_as_open_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("place");
    FreshFile::write_private(&place, b"1").unwrap().put().unwrap();
    assert_eq!(mode(&place), 0o600);
    set_mode(&place, 0o644);
    FreshFile::write_private(&place, b"2").unwrap().put().unwrap();
    assert_eq!(mode(&place), 0o644);
}

#[test]
fn what_a_killed_process_left_is_not_written_through() {
    let dir = tempfile::tempdir().unwrap();
    let [victim, place] = ["victim", "place"].map(|name| dir.path().join(name));
    fs::write(&victim, "kept").unwrap();
    symlink(&victim, dir.path().join(".place.new")).unwrap();
    FreshFile::write(&place, b"new").unwrap().put().unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    assert_eq!(fs::read(&place).unwrap(), b"new");
}

#[test]
fn one_that_is_not_put_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("place");
    drop(FreshFile::write(&place, b"1").unwrap());
    fs::create_dir(&place).unwrap();
    let error = FreshFile::write(&place, b"1").unwrap().put().unwrap_err();
    assert!(matches!(error, ConfigError::Write { path, .. } if path == place));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
