//! A guest that fills the disk which the spool is on.

use std::fs;
use std::path::Path;

use mirrorbox::config::Config;
use mirrorbox::host::Destinations;
use mirrorbox_e2e::{Installation, test_guest};
use nix::sys::statvfs::statvfs;

use crate::namespaces::{run, within};

/// Of which a twentieth is kept for the spool.
const SIZE: u64 = 32 << 20;

#[test]
fn no_guest_fills_the_disk_of_the_spool() {
    within("reserve::no_guest_fills_the_disk_of_the_spool", || {
        let dir = tempfile::tempdir().unwrap();
        for (deed, least_written) in [("fill", SIZE / 2), ("names", 100)] {
            let disk = dir.path().join(deed);
            fs::create_dir(&disk).unwrap();
            let options = format!("size={SIZE},nr_inodes=2000");
            run(
                "mount",
                &["-t", "tmpfs", "-o", &options, "none", disk.to_str().unwrap()],
            );
            is_bounded(&disk, deed, least_written);
        }
    });
}

fn is_bounded(disk: &Path, deed: &str, least: u64) {
    let installed = Installation::at(disk);
    let folder = disk.join("filled");
    fs::create_dir(&folder).unwrap();
    let adapters = installed.config.join("adapters");
    fs::copy(test_guest("hostile"), adapters.join("hostile.wasm")).unwrap();
    let manifest = format!("[config]\ndo = {deed:?}\n[grants]\ndirs = [{{ host = {folder:?}, guest = \"/data\" }}]\n");
    fs::write(adapters.join("hostile.toml"), manifest).unwrap();
    let told = deeds(&installed.to_config());
    let written = told.split_once("refused at ").unwrap_or_else(|| panic!("{told}")).1;
    let written: u64 = written.split(',').next().unwrap().parse().unwrap();
    assert!(written >= least, "{told}");
    let (free, names) = {
        let disk = statvfs(disk).unwrap();
        (disk.blocks_available() * disk.fragment_size(), disk.files_available())
    };
    assert!(
        free >= SIZE / 20 - (1 << 20) && names >= 2_000 / 20 - 1,
        "{free} bytes and {names} names are left"
    );
    // And the spool has them: an entry is taken, though no adapter may write one more byte.
    let host = mirrorbox::host::Host::builder(&installed.state)
        .build_blocking()
        .unwrap();
    let key = mirrorbox::key::SessionKey::main("project", "session").unwrap();
    host.transcript(key).append_blocking(&[b"{}"]).unwrap();
    drop(host.close_blocking(std::time::Duration::from_secs(10)).unwrap());
}

/// What the guest says of what it did while it was opened.
fn deeds(config: &Config) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let opened = Destinations::open(config).await.unwrap();
        let hostile = opened
            .each()
            .iter()
            .find(|destination| destination.name() == "hostile")
            .unwrap();
        let told = hostile.store().unwrap_err().to_string();
        opened.close().await;
        told
    })
}
