//! Looks for a way out of the granted folders: `/ro`, which may be read, and `/rw`, which may be written to.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;

use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

/// Paths that lead out, if any does. `out` and `out-folder` are symbolic links that the test made.
const OUTSIDE: &[&str] = &[
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/mem",
    "../etc/passwd",
    "/ro/../../../../../../etc/passwd",
    "/rw/../ro/../../../../etc/passwd",
    "/ro//../..//etc/passwd",
    "/ro/out",
    "/ro/out-folder/secret",
    "/ro/out-folder/../secret",
    "/rw/out",
    "/rw/out-folder/secret",
];

pub(crate) fn explore() -> String {
    let mut report = String::new();
    for path in OUTSIDE {
        tell(&mut report, &format!("read {path}"), fs::read(path).map(drop));
        tell(&mut report, &format!("write {path}"), fs::write(path, "hostile"));
        tell(&mut report, &format!("list {path}"), fs::read_dir(path).map(drop));
    }
    report
}

pub(crate) fn write_read_only() -> String {
    let mut report = String::new();
    let truncate = OpenOptions::new().write(true).truncate(true).open("/ro/secret");
    tell(&mut report, "truncate", truncate.map(drop));
    tell(
        &mut report,
        "append",
        OpenOptions::new().append(true).open("/ro/secret").map(drop),
    );
    tell(&mut report, "create", File::create("/ro/new").map(drop));
    tell(&mut report, "make a folder", fs::create_dir("/ro/folder"));
    tell(&mut report, "remove", fs::remove_file("/ro/secret"));
    tell(&mut report, "rename", fs::rename("/ro/secret", "/ro/other"));
    let Some(ro) = folder("/ro") else {
        return "no folder /ro".to_owned();
    };
    // A file that is opened to be read, and cut at that.
    for flags in [DescriptorFlags::READ, DescriptorFlags::empty(), DescriptorFlags::WRITE] {
        let opened = ro.open_at(PathFlags::empty(), "secret", OpenFlags::TRUNCATE, flags);
        tell(&mut report, &format!("truncate with {flags:?}"), opened.map(drop));
    }
    let opened = ro.open_at(PathFlags::empty(), "secret", OpenFlags::empty(), DescriptorFlags::READ);
    tell(&mut report, "set the size", opened.and_then(|file| file.set_size(0)));
    tell(
        &mut report,
        "link",
        ro.link_at(PathFlags::empty(), "secret", &ro, "linked"),
    );
    tell(&mut report, "symlink", ro.symlink_at("secret", "linked"));
    report
}

pub(crate) fn across() -> String {
    let mut report = String::new();
    let (Some(ro), Some(rw)) = (folder("/ro"), folder("/rw")) else {
        return "no folders /ro and /rw".to_owned();
    };
    tell(
        &mut report,
        "link",
        ro.link_at(PathFlags::empty(), "secret", &rw, "linked"),
    );
    tell(
        &mut report,
        "link back",
        rw.link_at(PathFlags::empty(), "own", &ro, "linked"),
    );
    tell(&mut report, "rename", ro.rename_at("secret", &rw, "renamed"));
    tell(&mut report, "rename back", rw.rename_at("own", &ro, "secret"));
    tell(
        &mut report,
        "write what was linked",
        fs::write("/rw/linked", "hostile").and_then(|()| exists_in_ro()),
    );
    report
}

/// Writing to `/rw` is allowed: what counts is whether it was seen in `/ro`.
fn exists_in_ro() -> std::io::Result<()> {
    match fs::read_to_string("/ro/secret")?.contains("hostile") {
        true => Ok(()),
        false => Err(std::io::ErrorKind::NotFound.into()),
    }
}

pub(crate) fn symlinks_out() -> String {
    let mut report = String::new();
    let Some(rw) = folder("/rw") else {
        return "no folder /rw".to_owned();
    };
    for (number, target) in [
        "/etc/passwd",
        "../../../../../../etc/passwd",
        "/proc/self/root/etc/passwd",
        "..",
    ]
    .into_iter()
    .enumerate()
    {
        let link = format!("link-{number}");
        // Making one may be allowed; following it is not.
        if let Err(error) = rw.symlink_at(target, &link) {
            tell(&mut report, &format!("link to {target}"), Err(error));
            continue;
        }
        tell(
            &mut report,
            &format!("read {target}"),
            fs::read(format!("/rw/{link}")).map(drop),
        );
        tell(
            &mut report,
            &format!("write {target}"),
            fs::write(format!("/rw/{link}"), "hostile"),
        );
        let beyond = format!("/rw/{link}/outside");
        tell(
            &mut report,
            &format!("read beyond {target}"),
            fs::read(beyond).map(drop),
        );
        let followed = rw.open_at(
            PathFlags::SYMLINK_FOLLOW,
            &link,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        );
        tell(&mut report, &format!("follow {target}"), followed.map(drop));
    }
    report
}

pub(crate) fn fifo() -> String {
    let mut report = String::new();
    tell(&mut report, "read", fs::read("/rw/fifo").map(drop));
    tell(&mut report, "write", fs::write("/rw/fifo", "hostile"));
    let both = OpenOptions::new().read(true).write(true).open("/rw/fifo");
    tell(&mut report, "read and write", both.map(drop));
    report
}

pub(crate) fn fill() -> String {
    let piece = vec![b'x'; 64 << 10];
    let mut file = match File::create("/data/filled") {
        Ok(file) => file,
        Err(error) => return format!("fill: refused at 0, {error}"),
    };
    let mut written = 0;
    loop {
        match file.write_all(&piece) {
            Ok(()) => written += piece.len(),
            Err(error) => return format!("fill: refused at {written}, {error}"),
        }
    }
}

pub(crate) fn names() -> String {
    let mut number = 0_u64;
    loop {
        match File::create(format!("/data/{number}")) {
            Ok(_) => number += 1,
            Err(error) => return format!("names: refused at {number}, {error}"),
        }
    }
}

fn folder(path: &str) -> Option<Descriptor> {
    let folders = preopens::get_directories();
    folders
        .into_iter()
        .find(|(_, its)| its == path)
        .map(|(folder, _)| folder)
}

fn tell<E: Refusal>(report: &mut String, what: &str, done: Result<(), E>) {
    // Writing to a string does not fail.
    let _ = match done {
        Ok(()) => writeln!(report, "{what}: got it"),
        Err(error) => writeln!(report, "{what}: refused, {}", error.reason()),
    };
}

/// Why something did not work, from std or from WASI.
trait Refusal {
    fn reason(&self) -> String;
}

impl Refusal for std::io::Error {
    fn reason(&self) -> String {
        self.to_string()
    }
}

impl Refusal for ErrorCode {
    fn reason(&self) -> String {
        format!("{self:?}")
    }
}
