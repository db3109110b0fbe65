use std::path::PathBuf;

use super::*;

fn dir(host: &str, mode: DirMode) -> DirGrant {
    DirGrant {
        host: host.into(),
        guest: "/data".into(),
        mode,
    }
}

#[test]
fn directories_lie_within_what_holds_them() {
    use DirMode::{ReadOnly, ReadWrite};
    for (one, others, expected) in [
        (dir("/srv/a", ReadWrite), vec![dir("/srv", ReadWrite)], true),
        (dir("/srv/a", ReadOnly), vec![dir("/srv", ReadWrite)], true),
        (dir("/srv/a", ReadWrite), vec![dir("/srv", ReadOnly)], false),
        (dir("/srvab", ReadOnly), vec![dir("/srv", ReadOnly)], false),
        (dir("/srv", ReadOnly), vec![dir("/srv/a", ReadOnly)], false),
        (dir("/srv/../etc", ReadOnly), vec![dir("/srv", ReadOnly)], false),
        (
            dir("/srv/a", ReadWrite),
            vec![dir("/srv", ReadOnly), dir("/srv/a", ReadWrite)],
            true,
        ),
    ] {
        assert_eq!(is_within(&one, &others), expected, "{one:?} within {others:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_a_granted_directory_is_more() {
    let dir = tempfile::tempdir().unwrap();
    let (granted, secret) = (dir.path().join("granted"), dir.path().join("secret"));
    std::fs::create_dir(&granted).unwrap();
    std::fs::create_dir(&secret).unwrap();
    std::os::unix::fs::symlink(&secret, granted.join("inside")).unwrap();
    let of = |host: PathBuf| {
        let dirs = vec![DirGrant {
            host,
            guest: "/data".into(),
            mode: DirMode::ReadWrite,
        }];
        let mut manifest = Manifest::default();
        manifest.grants.dirs = dirs;
        Permissions::of(&[], &manifest, dir.path())
    };
    let before = of(granted.clone());
    assert!(of(granted.join("not there yet")).difference(&before).more.is_empty());
    let more = of(granted.join("inside")).difference(&before).more;
    assert!(more.len() == 1 && more[0].contains("secret"), "{more:?}");
}
