//! Checks anew whenever the component or its manifest has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Check, Context};
use crate::error::{CliError, Exit};
use crate::output::{report, say};

/// How often the files are looked at. Two equal looks after a change: it has been written.
const LOOK: Duration = Duration::from_millis(300);

/// What can be seen of a file without opening it; none where it is missing.
type Seen = Vec<Option<(SystemTime, u64)>>;

/// Goes on until it is interrupted, whatever is found.
pub(super) async fn run(check: &Check, context: &mut Context) -> Result<Exit, CliError> {
    let component = Path::new(&check.adapter);
    if component.extension().is_none_or(|extension| extension != "wasm") {
        return Err(CliError::usage("--watch goes with a component's file")
            .advise("name the file that your build writes: NAME.wasm"));
    }
    let manifest = check.with.clone().unwrap_or_else(|| component.with_extension("toml"));
    let files = [component.to_owned(), manifest];
    loop {
        let checked = seen(&files);
        if let Err(error) = check.once(context).await {
            report(&error);
        }
        context.output.flush()?;
        if context.output.is_gone() {
            return Ok(Exit::Done);
        }
        say(format_args!("waiting for {} to change", component.display()));
        changed(&files, checked).await;
    }
}

/// Returns once the files differ from what was seen of them, and stand still.
async fn changed(files: &[PathBuf], checked: Seen) {
    let mut before = checked.clone();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = seen(files);
        if now != checked && now == before && now.first().is_some_and(Option::is_some) {
            return;
        }
        before = now;
    }
}

fn seen(files: &[PathBuf]) -> Seen {
    // One that cannot be looked at counts as missing: the check of it says why.
    let look = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(look).collect()
}
