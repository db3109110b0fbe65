//! A healthy adapter takes its usual time beside a hostile one. What counts is the ratio of two medians: of calls in
//! turns with a deed, and in turns without one, which alternate.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join;

use crate::witness::Healthy;

/// So many times its usual time, at most.
pub(super) const MOST: f64 = 1.2;

/// Calls of a turn, at least.
const CALLS: usize = 12;

/// A machine that does other things is uneven: as long as the ratio is too high there are more turns, up to a bound.
/// What is really slower stays slower.
pub(super) const FEWEST_TURNS: usize = 4;
pub(super) const MOST_TURNS: usize = 40;

/// Commits the deed in every second turn, while the healthy adapter is called.
pub(super) async fn keeps_its_time(finding: &str, deed: impl AsyncFn()) {
    has_its_usual_time(finding, Healthy::open().await, deed).await;
}

/// The same with an adapter that is not only beside it: what the deed is about may lie in its folder.
pub(super) async fn has_its_usual_time(finding: &str, mut healthy: Healthy, deed: impl AsyncFn()) {
    let (mut usual, mut beside) = (Vec::new(), Vec::new());
    for turn in 1..=MOST_TURNS {
        for _ in 0..CALLS {
            usual.push(healthy.call().await);
        }
        during(&deed, &mut healthy, &mut beside).await;
        if turn < FEWEST_TURNS {
            continue;
        }
        let ratio = ratio(&mut usual, &mut beside);
        println!("{finding}: {ratio:.2} times its usual time after {turn} turns");
        if ratio <= MOST {
            return healthy.check().await;
        }
    }
    panic!("{finding}: {:.2} times its usual time", ratio(&mut usual, &mut beside));
}

/// Calls until the deed is done. Its calls overlap with the deed, but for the last.
async fn during(deed: &impl AsyncFn(), healthy: &mut Healthy, times: &mut Vec<Duration>) {
    let is_done = Cell::new(false);
    let deed = async {
        deed().await;
        is_done.set(true);
    };
    let calls = async {
        for call in 0.. {
            if call >= CALLS && is_done.get() {
                return;
            }
            times.push(healthy.call().await);
        }
    };
    join(deed, calls).await;
}

pub(super) fn ratio(usual: &mut [Duration], beside: &mut [Duration]) -> f64 {
    median(beside).as_secs_f64() / median(usual).as_secs_f64()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
