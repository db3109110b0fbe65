//! Where a test lets a call to the system fail, below a directory of its own: descriptors are used up, a disk is
//! broken. In a build [`may_fail`] does nothing.

#[cfg(not(test))]
#[inline]
pub(crate) fn may_fail(_: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use chosen::may_fail;
#[cfg(all(test, feature = "agent"))]
pub(crate) use chosen::{fail, heal};

#[cfg(test)]
#[cfg_attr(
    not(feature = "agent"),
    allow(dead_code, reason = "the simulation of `watch` uses it")
)]
mod chosen {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::{Path, PathBuf};

    use parking_lot::{Mutex, MutexGuard};

    /// Which calls below a directory fail, and how.
    #[derive(Clone, Copy, Debug)]
    struct Failing {
        /// After so many that do not,
        after: u64,
        /// so many do,
        times: u64,
        /// with the system's own number.
        error: i32,
    }

    static FAILING: Mutex<BTreeMap<PathBuf, Failing>> = Mutex::new(BTreeMap::new());

    /// From now on calls below a directory fail: so many, behind some that do not.
    pub(crate) fn fail(dir: &Path, after: u64, times: u64, error: i32) {
        all().insert(dir.to_owned(), Failing { after, times, error });
    }

    /// No call below a directory fails any more.
    pub(crate) fn heal(dir: &Path) {
        all().remove(dir);
    }

    /// Fails where a test wants it so. Before each call to the system for a file that is not the spool's.
    pub(crate) fn may_fail(path: &Path) -> io::Result<()> {
        for (_, failing) in all().iter_mut().filter(|(dir, _)| path.starts_with(dir)) {
            if failing.after > 0 {
                failing.after -= 1;
            } else if failing.times > 0 {
                failing.times -= 1;
                return Err(io::Error::from_raw_os_error(failing.error));
            }
        }
        Ok(())
    }

    fn all() -> MutexGuard<'static, BTreeMap<PathBuf, Failing>> {
        FAILING.lock()
    }
}
