//! Does what a file says: `/a/script`, an act a line, with paths as the guest sees them.

use std::fs;
use std::io;

use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Descriptor, PathFlags};

/// What came of each act, a line each: what was read is reported, too.
pub(crate) fn perform() -> String {
    let script = match fs::read_to_string("/a/script") {
        Ok(script) => script,
        Err(error) => return format!("no script: {error}"),
    };
    let told = script.lines().map(|act| match commit(act) {
        Ok(told) => format!("{act}: {told}\n"),
        Err(error) => format!("{act}: refused, {error}\n"),
    });
    told.collect()
}

fn commit(act: &str) -> Result<String, String> {
    let words: Vec<_> = act.split(' ').collect();
    let plain = |done: io::Result<()>| done.map(|()| "done".to_owned()).map_err(|error| error.to_string());
    match words[..] {
        ["read", path] => fs::read_to_string(path).map_err(|error| error.to_string()),
        ["write", path] => plain(fs::write(path, "written by the guest")),
        ["list", path] => list(path).map_err(|error| error.to_string()),
        ["remove", path] => plain(fs::remove_file(path)),
        ["mkdir", path] => plain(fs::create_dir(path)),
        ["rename", from, to] => plain(fs::rename(from, to)),
        ["link", target, path] => {
            let (folder, name) = below(path)?;
            folder
                .symlink_at(target, &name)
                .map(|()| "done".to_owned())
                .map_err(|error| format!("{error:?}"))
        }
        ["hardlink", from, to] => {
            let ((from, old), (to, new)) = (below(from)?, below(to)?);
            let linked = from.link_at(PathFlags::SYMLINK_FOLLOW, &old, &to, &new);
            linked.map(|()| "done".to_owned()).map_err(|error| format!("{error:?}"))
        }
        _ => Err("no act".to_owned()),
    }
}

fn list(path: &str) -> io::Result<String> {
    let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    Ok(names.collect::<io::Result<Vec<_>>>()?.join(" "))
}

/// The granted folder that a path begins with, and the rest.
fn below(path: &str) -> Result<(Descriptor, String), String> {
    let folders = preopens::get_directories().into_iter();
    let mut found = folders.filter_map(|(folder, name)| {
        let rest = path.strip_prefix(&name)?.strip_prefix('/')?.to_owned();
        Some((folder, rest))
    });
    found.next().ok_or_else(|| "no such folder".to_owned())
}
