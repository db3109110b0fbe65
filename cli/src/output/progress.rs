use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mirrorbox::session::{OnProgress, Progress};

/// A bar on stderr while something long goes on; nothing where stderr is no terminal.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub(crate) fn new(what: &str) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_prefix(super::safe_line(what));
        if let Ok(style) = ProgressStyle::with_template(OPEN) {
            bar.set_style(style);
        }
        // It also turns while a store takes its time.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// What to give to the library.
    pub(crate) fn listener(&self) -> OnProgress {
        let bar = self.bar.clone();
        Arc::new(move |progress| show(&bar, progress))
    }

    /// Shows the newest figures.
    pub(crate) fn show(&self, progress: Progress) {
        show(&self.bar, progress);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How it looks while nobody knows how many bytes there are.
const OPEN: &str = "{prefix} {spinner} {msg}, {bytes} ({bytes_per_sec})";
const KNOWN: &str = "{prefix} {bar:30} {msg}, {bytes} of {total_bytes} ({bytes_per_sec})";

fn show(bar: &ProgressBar, progress: Progress) {
    if progress.total_bytes > 0
        && bar.length().is_none()
        && let Ok(style) = ProgressStyle::with_template(KNOWN)
    {
        bar.set_style(style);
    }
    if progress.total_bytes > 0 {
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.bytes.min(progress.total_bytes));
    } else {
        bar.set_position(progress.bytes);
    }
    bar.set_message(message(progress));
}

fn message(progress: Progress) -> String {
    let Progress {
        streams,
        total_streams,
        entries,
        ..
    } = progress;
    format!(
        "{} of {} streams, {} entries",
        HumanCount(streams),
        HumanCount(total_streams),
        HumanCount(entries)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_looks_are_templates() {
        ProgressStyle::with_template(OPEN).unwrap();
        ProgressStyle::with_template(KNOWN).unwrap();
    }

    #[test]
    fn the_position_never_passes_the_end() {
        let bar = ProgressBar::hidden();
        let mut progress = Progress {
            streams: 1,
            total_streams: 2,
            entries: 1000,
            bytes: 70,
            total_bytes: 50,
        };
        show(&bar, progress);
        assert_eq!((bar.position(), bar.length()), (50, Some(50)));
        assert_eq!(bar.message(), "1 of 2 streams, 1,000 entries");
        progress.total_bytes = 100;
        show(&bar, progress);
        assert_eq!((bar.position(), bar.length()), (70, Some(100)));
    }
}
