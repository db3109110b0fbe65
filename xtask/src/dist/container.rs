//! What an image of the command is built from, without a network: the C library of Debian's packages, the command and a
//! recipe, in a folder of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Built, pack_with, strip};
use crate::{process, system_packages};

const RECIPE: &str = include_str!("Containerfile");

/// Of the release that has the oldest C library which is still looked after.
const RELEASE: &str = "bookworm";

/// What the command is linked against.
const PACKAGES: &str = "libc6,libgcc-s1";

/// What is left out of Debian's packages: it is the building machine's, or read by nobody here.
const LEFT_OUT: [&str; 11] = [
    "./dev",
    "./etc/apt",
    "./etc/dpkg",
    "./etc/fstab",
    "./etc/hostname",
    "./etc/resolv.conf",
    "./usr/share",
    "./var/cache",
    "./var/lib/apt",
    "./var/lib/dpkg",
    "./var/log",
];

/// Its user, and what it may write to.
const USER: &str = "set -e; cd \"$1\"; mkdir -p agent etc/mirrorbox var/lib/mirrorbox tmp; \
                    echo 'mirrorbox:x:10001:10001::/var/lib/mirrorbox:/usr/sbin/nologin' > etc/passwd; \
                    echo 'mirrorbox:x:10001:' > etc/group; \
                    chown 10001:10001 agent etc/mirrorbox var/lib/mirrorbox; chmod 1777 tmp";

/// The folder `container`: `Containerfile`, `base.tar`, `mirrorbox`.
pub(crate) fn pack(built: &Built, out: &Path) -> Result<()> {
    system_packages::ensure(&[system_packages::MMDEBSTRAP])?;
    let folder = out.join("container");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("Containerfile"), RECIPE)?;
    strip(&built.command, &folder.join("mirrorbox"))?;
    let base = folder.join("base.tar");
    pack_with(
        Command::new("mmdebstrap")
            .args(["--quiet", "--variant=extract", "--include", PACKAGES])
            .args(["--extract-hook", USER, RELEASE])
            .arg(&base),
    )?;
    process::run(
        Command::new("tar")
            .arg("--delete")
            .arg("--file")
            .arg(&base)
            .args(LEFT_OUT),
    )
}
