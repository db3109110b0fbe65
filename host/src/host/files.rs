//! How many files this process may have open.

use std::io;

/// Raises the limit of open files as far as the system lets this process raise it, and returns what it was before;
/// `None` where it was not raised. The usual limit (1,024) is made for programs that wait with `select`; a host with
/// many adapters and connections needs more. For the start of a program: `mirrorbox` calls it first of all. Processes
/// that are started later inherit it, but for agents that are given another one (`Run::open_files`, feature `agent`).
#[cfg(unix)]
pub fn raise_file_limit() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Ok(None);
    }
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    Ok(limit.current)
}

/// Raises the limit of open files as far as the system lets this process raise it; here the system has no such limit.
#[cfg(not(unix))]
pub fn raise_file_limit() -> io::Result<Option<u64>> {
    Ok(None)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_as_high_as_may_be() {
        use rustix::process::{Resource, getrlimit};
        raise_file_limit().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(raise_file_limit().unwrap(), None);
    }
}
