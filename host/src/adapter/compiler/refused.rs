//! Components that took too much to compile, remembered beside compiled code: they are not tried again at every start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Allowance;

const SUFFIX: &str = "refused";

/// Where it is remembered that a component is refused.
#[derive(Debug)]
pub(super) struct RememberedRefusal {
    path: PathBuf,
}

impl RememberedRefusal {
    /// Beside the place of a component's code.
    pub(super) fn beside(code: &Path) -> Self {
        Self {
            path: code.with_extension(SUFFIX),
        }
    }

    /// Why it was refused under these limits. Returns `None` if it was not, or if there were others then.
    pub(super) fn reason(&self, limits: &Allowance) -> Option<String> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                // Then compiling says it once more.
                tracing::debug!("{} cannot be read: {error}", self.path.display());
                return None;
            }
        };
        let (tried_with, reason) = text.split_once('\n')?;
        let again = self.path.display();
        (tried_with == header(limits)).then(|| format!("{}; remove {again} to try it again", reason.trim_end()))
    }

    /// A memory that cannot be written costs the next start the same time, nothing else.
    pub(super) fn remember(&self, limits: &Allowance, reason: &str) {
        let text = format!("{}\n{reason}\n", header(limits));
        if let Err(error) = fs::write(&self.path, text) {
            tracing::warn!(
                "it cannot be remembered in {} that {reason}: {error}",
                self.path.display()
            );
        }
    }
}

fn header(limits: &Allowance) -> String {
    format!("memory {} cpu {}", limits.memory, limits.cpu.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::look::Outline;
    use super::*;

    #[test]
    fn what_was_refused_is_told_again_until_the_limits_change() {
        let dir = tempfile::tempdir().unwrap();
        let refused = RememberedRefusal::beside(&dir.path().join("digest.cwasm"));
        let limits = Allowance::of(&Outline::default());
        assert_eq!(refused.reason(&limits), None);
        refused.remember(&limits, "compiling it takes a year");
        let told = refused.reason(&limits).unwrap();
        assert!(
            told.starts_with("compiling it takes a year; remove ") && told.contains("digest.refused"),
            "{told}"
        );
        let higher = Allowance {
            memory: limits.memory + 1,
            ..limits
        };
        assert_eq!(refused.reason(&higher), None);
    }
}
