//! A package for Debian and what descends from it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Built, DATE, pack_with};
use crate::process;

/// Debian's name of this machine.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// `mirrorbox_VERSION_MACHINE.deb`.
pub(super) fn pack(staged: &Path, built: &Built, out: &Path, version: &str) -> Result<()> {
    let root = staged.with_file_name("debian");
    let usr = root.join("usr");
    fs::create_dir_all(&usr)?;
    process::run(Command::new("cp").arg("-r").arg(staged.join(".")).arg(&usr))?;
    process::run(
        Command::new("gzip")
            .arg("-9n")
            .arg(usr.join("share/man/man1/mirrorbox.1")),
    )?;
    let doc = usr.join("share/doc/mirrorbox");
    fs::rename(doc.join("LICENSE"), doc.join("copyright"))?;
    fs::create_dir_all(root.join("DEBIAN"))?;
    fs::write(root.join("DEBIAN/control"), control(built, version))?;
    // `dpkg-deb` refuses what only its owner may read.
    process::run(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(&root))?;
    date(&root)?;
    let name = format!("mirrorbox_{version}_{}.deb", architecture());
    let file = out.join(name);
    pack_with(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "--build"])
            .arg(&root)
            .arg(&file),
    )?;
    ensure!(file.is_file(), "dpkg-deb left no package");
    Ok(())
}

/// What was linked against this machine's own C library says nothing of others.
fn control(built: &Built, version: &str) -> String {
    let libc = match built.glibc {
        Some(oldest) => format!("libc6 (>= {oldest})"),
        None => "libc6".to_owned(),
    };
    format!(
        "Package: mirrorbox\nVersion: {version}\nArchitecture: {}\nSection: utils\nPriority: optional\nDepends: {libc}, \
         libgcc-s1\nMaintainer: The Mirrorbox authors <mirrorbox@invalid>\nDescription: Durable mirror for the \
         transcripts of AI agents\n Keeps every line that an agent writes on local disk first, then in S3, Redis,\n \
         PostgreSQL or a folder, through outages and kills, and brings sessions back\n byte for byte on another machine.\n",
        architecture()
    )
}

/// Everything in the folder is as old as everything else that is released.
fn date(root: &Path) -> Result<()> {
    let mut find = Command::new("find");
    find.arg(root).args([
        "-exec",
        "touch",
        "--no-dereference",
        &format!("--date=@{DATE}"),
        "{}",
        "+",
    ]);
    process::run(&mut find)
}
