use std::io;
use std::path::Path;

use mirrorbox_adapter::Settings;

use super::*;
use crate::disk;

#[test]
fn the_root_must_be_a_folder() {
    let backend = Backend::new();
    let file = backend.0.path().join("file");
    std::fs::write(&file, "").unwrap();
    let open = |root: &Path| Fs::open(&Settings::from_pairs([("root", root.display())]));
    let error = open(&file).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, Error::Misconfigured(_)) && text.contains(&*file.to_string_lossy()),
        "{text}"
    );
}

/// A file system that is mounted a moment later.
#[test]
fn a_root_that_is_missing_may_come() {
    let backend = Backend::new();
    let root = backend.0.path().join("mount/store");
    let open = || Fs::open(&Settings::from_pairs([("root", root.display())]));
    let error = open().unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, Error::Unavailable(_)) && text.contains(&*root.to_string_lossy()),
        "{text}"
    );
    assert!(
        !root.exists(),
        "what is not there is not made: it would lie below the mount"
    );
    std::fs::create_dir_all(&root).unwrap();
    open().unwrap();
}

#[test]
fn a_misspelt_setting_is_refused_before_anything_is_made() {
    let backend = Backend::new();
    let root = backend.0.path().display().to_string();
    let error = Fs::open(&Settings::from_pairs([("root", root.as_str()), ("rooot", "/x")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "misconfigured: unknown setting `rooot`; known is `root`"
    );
    assert_eq!(std::fs::read_dir(backend.0.path()).unwrap().count(), 0);
}

#[test]
fn opening_twice_disturbs_nobody() {
    let (backend, mut fs) = Backend::with(1);
    let mut other = backend.host();
    fs.append(&key(), entries(2), None).unwrap();
    other.append(&key(), entries(3), None).unwrap();
    assert_eq!(numbers(&mut fs), [1, 2, 3]);
}

#[test]
fn a_failure_says_whose_turn_it_is() {
    let failed = |kind: io::ErrorKind| disk::failed("write", Path::new("/data/x"), kind.into());
    use io::ErrorKind as Is;
    for kind in [Is::PermissionDenied, Is::ReadOnlyFilesystem] {
        assert!(matches!(failed(kind), Error::Denied(_)), "{kind}");
    }
    for kind in [
        Is::StorageFull,
        Is::QuotaExceeded,
        Is::NotFound,
        Is::StaleNetworkFileHandle,
    ] {
        assert!(matches!(failed(kind), Error::Unavailable(_)), "{kind}");
    }
    for kind in [Is::NotADirectory, Is::Unsupported, Is::CrossesDevices] {
        assert!(matches!(failed(kind), Error::Misconfigured(_)), "{kind}");
    }
    assert!(matches!(failed(Is::Other), Error::Unavailable(_)));
    let written = disk::failed_change("write", Path::new("/data/x"), Is::Other.into());
    assert!(
        matches!(&written, Error::Unavailable(text) if text.contains("full")),
        "{written}"
    );
    assert!(failed(Is::StorageFull).to_string().contains("cannot write /data/x"));
}

/// Root (a build in a container) sees no refusal.
#[cfg(unix)]
#[test]
fn a_folder_without_write_permission_is_denied() {
    use std::os::unix::fs::PermissionsExt;

    let backend = Backend::new();
    std::fs::set_permissions(backend.0.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let writable = std::fs::write(backend.0.path().join("probe"), "").is_ok();
    if !writable {
        let refused = Fs::at(backend.0.path());
        assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    }
}

#[test]
fn a_file_in_the_place_of_a_folder_is_told() {
    let backend = Backend::new();
    std::fs::write(backend.0.path().join("-srv-app"), "").unwrap();
    let mut fs = backend.host();
    let refused = fs.append(&key(), entries(1), None);
    assert!(matches!(refused, Err(Error::Misconfigured(_))), "{refused:?}");
}
