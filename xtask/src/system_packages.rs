//! Programs that the builds call and that a fresh machine may lack.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::process;

/// A need, how to see whether it is met, and the Debian packages that meet it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    what: &'static str,
    met: fn() -> bool,
    packages: &'static [&'static str],
}

/// A C compiler with the C library's headers: wasmtime has a little C of its own, and Rust links with it.
pub(crate) const C_COMPILER: Need = Need {
    what: "a C compiler",
    met: compiles_c,
    packages: &["gcc", "libc6-dev"],
};

/// A C compiler for WebAssembly: the TLS of adapters has a little C of its own.
pub(crate) const WASM_C_COMPILER: Need = Need {
    what: "clang",
    met: compiles_wasm,
    packages: &["clang", "llvm"],
};

/// To unpack `.tar.xz`.
pub(crate) const XZ: Need = Need {
    what: "xz",
    met: || process::exists("xz"),
    packages: &["xz-utils"],
};

/// A server that tests start for themselves.
pub(crate) const REDIS: Need = Need {
    what: "a Redis server",
    met: || process::exists("redis-server") && process::exists("redis-cli"),
    packages: &["redis-server"],
};

/// A server that tests start for themselves. Debian keeps its programs off the path.
pub(crate) const POSTGRES: Need = Need {
    what: "a PostgreSQL server",
    met: || Path::new("/usr/lib/postgresql").is_dir() || process::exists("postgres"),
    packages: &["postgresql"],
};

/// A pooler that tests put before PostgreSQL.
pub(crate) const PGBOUNCER: Need = Need {
    what: "PgBouncer",
    met: || process::exists("pgbouncer"),
    packages: &["pgbouncer"],
};

/// Lays out a few of Debian's packages as a root file system.
pub(crate) const MMDEBSTRAP: Need = Need {
    what: "mmdebstrap",
    met: || process::exists("mmdebstrap"),
    packages: &["mmdebstrap"],
};

/// Builds images without a service.
pub(crate) const BUILDAH: Need = Need {
    what: "buildah",
    met: || process::exists("buildah"),
    packages: &["buildah"],
};

/// Sees to it that all needs are met: installs what is missing where it may, else says what to install.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.met)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.iter().map(|need| need.what).collect::<Vec<_>>().join(" and ");
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    let by_hand = format!(
        "install it, on Debian with `apt-get install {}`, and try again",
        packages.join(" ")
    );
    let Some(apt_get) = apt_get() else {
        bail!("this machine lacks {what}, and packages cannot be installed from here: {by_hand}");
    };
    eprintln!("This machine lacks {what}: installing {}.", packages.join(" "));
    install(&apt_get, &packages).map_err(|error| error.context(format!("cannot install {what}: {by_hand}")))?;
    match missing.iter().find(|need| !(need.met)()) {
        Some(need) => bail!(
            "{} is still missing after installing {}",
            need.what,
            need.packages.join(" ")
        ),
        None => Ok(()),
    }
}

/// `apt-get` with the right to install: as root, or with a sudo that asks for no password.
fn apt_get() -> Option<Vec<&'static str>> {
    if !process::exists("apt-get") {
        return None;
    }
    let user = process::output(Command::new("id").arg("-u")).ok()?;
    if user.trim() == "0" {
        return Some(vec!["apt-get"]);
    }
    let sudo = ["sudo", "-n", "apt-get"];
    let may = Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .output()
        .ok()?
        .status
        .success();
    may.then(|| sudo.to_vec())
}

fn install(apt_get: &[&str], packages: &[&str]) -> Result<()> {
    let call = |arguments: &[&str]| {
        // `env` carries the variables through sudo, which would drop them. In runlevel 1 no package starts its service.
        let words = apt_get
            .split_last()
            .map_or(&[][..], |(_, before)| before)
            .iter()
            .copied();
        let mut words = words.chain(["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]);
        let mut command = Command::new(words.next().unwrap_or("env"));
        process::output(command.args(words).args(arguments)).map(drop)
    };
    call(&["update", "-qq"])?;
    call(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat())
}

fn compiles_wasm() -> bool {
    let mut command = Command::new("clang");
    command.args(["--target=wasm32-wasip2", "-x", "c", "-c", "-o", "/dev/null", "-"]);
    process::feed(&mut command, "int one(void) { return 1; }\n").is_ok()
}

fn compiles_c() -> bool {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut words = compiler.split_whitespace();
    let Some(program) = words.next() else { return false };
    let mut command = Command::new(program);
    command.args(words).args(["-x", "c", "-fsyntax-only", "-"]);
    process::feed(
        &mut command,
        "#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n",
    )
    .is_ok()
}
