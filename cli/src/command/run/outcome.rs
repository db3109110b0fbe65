//! What a run came to, besides what its agent says.

use std::time::{Duration, Instant};

use mirrorbox::agent::Ended;
use mirrorbox::host::{AdapterState, AdapterStatus, Host};
use mirrorbox::mirror::Undelivered;

use crate::command::absent;
use crate::error::Exit;
use crate::output::say;

/// How often it is looked whether adapters are still being opened.
const STEP: Duration = Duration::from_millis(50);

/// The adapters that take no part. Where something was mirrored, those that are still being opened are waited for: what
/// does not open at all is no destination, and nothing else would be waited for.
pub(super) async fn absent(host: &Host, ended: &Ended, deadline: Duration) -> Vec<AdapterStatus> {
    let until = Instant::now().checked_add(deadline);
    let is_waited_for = || ended.tally.entries > 0 && until.is_none_or(|until| Instant::now() < until);
    let is_opening = |adapter: &AdapterStatus| adapter.state == AdapterState::Opening && adapter.cause.is_none();
    while host.adapters().iter().any(is_opening) && is_waited_for() {
        tokio::time::sleep(STEP).await;
    }
    absent::of(host)
}

/// Tells what is not as it should be, and how to end.
pub(super) fn tell(ended: &Ended, absent: &[AdapterStatus], left: &Undelivered) -> Exit {
    absent::tell(absent);
    let tally = &ended.tally;
    if tally.entries == 0 {
        say(format_args!(
            "not one line was mirrored: the agent wrote no transcript in {}",
            ended.folder.display()
        ));
    }
    if !tally.is_whole() {
        say(
            "not everything that the agent wrote is on this disk: see the warnings; `mirrorbox status` names what is left",
        );
    }
    match ended.code() {
        0 if !is_kept(ended) || !absent.is_empty() || !left.is_empty() => Exit::Undelivered,
        code => Exit::Agent(code),
    }
}

/// Whether everything that the agent wrote was mirrored. A command that wrote nothing may have had nothing to write:
/// one that had a turn, or was told to keep nothing, has not.
fn is_kept(ended: &Ended) -> bool {
    let tally = &ended.tally;
    let is_missed = tally.entries == 0 && (tally.turns > 0 || tally.is_not_kept);
    tally.is_whole() && !is_missed
}
