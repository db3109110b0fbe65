use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is mounted where, as this process sees it: one directory may be reached by several paths.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    each: Vec<Mount>,
}

#[derive(Debug)]
struct Mount {
    /// The file system.
    device: String,
    /// Which of its directories is mounted.
    root: PathBuf,
    at: PathBuf,
}

impl Mounts {
    /// Where the system does not say, directories are told apart by their paths and by what they are alone.
    pub(super) fn read() -> Self {
        match std::fs::read("/proc/self/mountinfo") {
            Ok(text) => Self::parse(&text),
            Err(error) => {
                tracing::debug!("it is not known what is mounted where: {error}");
                Self::default()
            }
        }
    }

    fn parse(text: &[u8]) -> Self {
        let mount = |line: &[u8]| {
            let mut fields = line.split(|byte| *byte == b' ').skip(2);
            Some(Mount {
                device: String::from_utf8_lossy(fields.next()?).into_owned(),
                root: unescaped(fields.next()?),
                at: unescaped(fields.next()?),
            })
        };
        Self {
            each: text.split(|byte| *byte == b'\n').filter_map(mount).collect(),
        }
    }

    /// Where the directory at `path`, which has no links in it, lies in its file system; and what is mounted below it.
    pub(super) fn parts(&self, path: &Path) -> Vec<(String, PathBuf)> {
        let around = self.each.iter().filter(|mount| path.starts_with(&mount.at));
        // Of several at one place, the last one is seen.
        let around = around.max_by_key(|mount| mount.at.components().count());
        let itself = around.and_then(|mount| Some((mount, path.strip_prefix(&mount.at).ok()?)));
        let itself = itself.map(|(mount, rest)| (mount.device.clone(), mount.root.join(rest)));
        let below = self
            .each
            .iter()
            .filter(|mount| mount.at != path && mount.at.starts_with(path));
        let below = below.map(|mount| (mount.device.clone(), mount.root.clone()));
        itself.into_iter().chain(below).collect()
    }
}

/// A path as the list of mounts writes it: spaces, tabs, line ends and backslashes stand there as `\040`.
fn unescaped(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [next, after @ ..] = rest {
        let octal = |digit: &u8| digit.checked_sub(b'0').filter(|digit| *digit < 8);
        let escaped = match (next, after) {
            (b'\\', [a, b, c, ..]) => [octal(a), octal(b), octal(c)],
            _ => [None; 3],
        };
        let (byte, left) = match escaped {
            [Some(a), Some(b), Some(c)] => (a.wrapping_mul(64) | b << 3 | c, after.get(3..).unwrap_or_default()),
            _ => (*next, after),
        };
        bytes.push(byte);
        rest = left;
    }
    PathBuf::from(text_of(bytes))
}

#[cfg(unix)]
fn text_of(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn text_of(bytes: Vec<u8>) -> OsString {
    OsString::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:1 /srv/t/sub /mnt/bound\\040here rw shared:2 - ext4 /dev/sda1 rw
31 22 0:40 / /srv/nfs rw - nfs4 host:/export rw
33 22 0:42 / /srv/nfs rw - tmpfs tmpfs rw
";

    #[test]
    fn a_path_is_one_of_a_file_system() {
        let mounts = Mounts::parse(TEXT);
        let parts = |path: &str| {
            let parts = mounts.parts(Path::new(path)).into_iter();
            parts
                .map(|(device, path)| format!("{device} {}", path.display()))
                .collect::<Vec<_>>()
        };
        assert_eq!(parts("/srv/t/sub/x"), ["8:1 /srv/t/sub/x"]);
        assert_eq!(parts("/mnt/bound here/x"), ["8:1 /srv/t/sub/x"]);
        assert_eq!(parts("/mnt"), ["8:1 /mnt", "8:1 /srv/t/sub"]);
        // The one that was mounted over the other is seen.
        assert_eq!(parts("/srv/nfs/y"), ["0:42 /y"]);
        assert_eq!(Mounts::default().parts(Path::new("/srv")), []);
    }
}
