//! What a folder's calls leave behind for tests: when each began, and until when it was there.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mirrorbox_adapter::{Result, SessionKey};

use crate::Fault;
use crate::orders::When;

/// How often a call that hangs shows that it is there.
const BEAT: Duration = Duration::from_millis(5);

/// A call under way.
///
/// Its file is `calls/<begin in Unix nanoseconds, 20 digits> <operation> <session id>`. It was last written when the
/// call was last seen alive, and holds `end` once the call is done.
#[derive(Debug)]
pub(crate) struct Call {
    file: Option<File>,
}

impl Call {
    /// Kept only if the test made the folder for it.
    pub(crate) fn begin(root: &Path, operation: &str, key: &SessionKey) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{:020} {operation} {}", now.as_nanos(), key.session_id);
        Self {
            file: File::create_new(root.join("calls").join(name)).ok(),
        }
    }

    pub(crate) fn commit_if(&mut self, order: Option<(When, Fault)>, now: When) -> Result<()> {
        match order {
            Some((when, fault)) if when == now => self.commit(fault),
            _ => Ok(()),
        }
    }

    /// Does what goes wrong.
    pub(crate) fn commit(&mut self, fault: Fault) -> Result<()> {
        if fault == Fault::Sleep && self.file.is_some() {
            self.hang();
        }
        let committed = fault.commit();
        if committed.is_err() {
            self.end();
        }
        committed
    }

    fn hang(&mut self) -> ! {
        loop {
            self.write(b".");
            std::thread::sleep(BEAT);
        }
    }

    pub(crate) fn end(&mut self) {
        self.write(b"end");
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file {
            // A journal that cannot be written fails the test that reads it.
            let _ = file.write_all(bytes);
        }
    }
}
