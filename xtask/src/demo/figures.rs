//! What the demo prints at its end.

use std::fmt;

use super::comparison::Tree;
use super::measured::Measured;

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct DemoFigures {
    pub(super) profile: &'static str,
    pub(super) tree: Tree,
    /// A command that opens the adapter and moves nothing.
    pub(super) idle: Measured,
    pub(super) import: Measured,
    pub(super) restore: Measured,
    pub(super) verify: Measured,
}

impl fmt::Display for DemoFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Measured just now, {} profile, {}:",
            self.profile,
            self.tree.summary()
        )?;
        writeln!(f, "  {:<20} {:>8} {:>10} {:>14}", "", "seconds", "MB/s", "peak memory")?;
        let bytes = self.tree.bytes();
        row(f, "open the adapter", self.idle, None)?;
        row(f, "import", self.import, Some(bytes))?;
        row(f, "restore", self.restore, Some(bytes))?;
        row(f, "verify", self.verify, Some(bytes))?;
        write!(f, "Every file came back byte for byte.")
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, measured: Measured, bytes: Option<u64>) -> fmt::Result {
    let seconds = measured.elapsed.as_secs_f64();
    let speed = bytes.map_or_else(String::new, |bytes| format!("{:.0}", bytes as f64 / 1e6 / seconds));
    let peak = measured
        .peak
        .map_or_else(|| "unknown".to_owned(), |peak| format!("{:.0} MB", peak as f64 / 1e6));
    writeln!(f, "  {name:<20} {seconds:>8.2} {speed:>10} {peak:>14}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn speed_is_bytes_per_second() {
        struct Row(Measured);
        impl fmt::Display for Row {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                row(f, "import", self.0, Some(30_000_000))
            }
        }
        let measured = Measured {
            elapsed: Duration::from_millis(1500),
            peak: Some(70_400_000),
        };
        let words: Vec<_> = Row(measured)
            .to_string()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(words, ["import", "1.50", "20", "70", "MB"]);
    }
}
