//! Lets a test act before the n-th access to the disk: crash there, or be another host.

use std::cell::RefCell;
use std::io;

type Action = Box<dyn FnMut() -> io::Result<()>>;

thread_local! {
    static ACTION: RefCell<Option<Action>> = const { RefCell::new(None) };
}

/// What every access to the disk calls first.
pub(crate) fn step() -> io::Result<()> {
    // Taken out while it runs: what it does itself is not counted.
    let Some(mut action) = ACTION.take() else {
        return Ok(());
    };
    let result = action();
    ACTION.set(Some(action));
    result
}

/// Runs `work` and dies before its access number `at` (from 0). Tells whether it came that far.
pub(crate) fn crash_at<T>(at: usize, work: impl FnOnce() -> T) -> Option<T> {
    let mut step = 0;
    let (result, steps) = with(
        move || {
            step += 1;
            // Nothing happens after a crash, not even tidying up.
            if step > at {
                Err(io::Error::other("crashed"))
            } else {
                Ok(())
            }
        },
        work,
    );
    (steps <= at).then_some(result)
}

/// Runs `work`, and `other` just before its access number `at` (from 0). Tells whether it came that far.
pub(crate) fn meanwhile<T>(at: usize, mut other: impl FnMut() + 'static, work: impl FnOnce() -> T) -> (T, bool) {
    let mut step = 0;
    let (result, steps) = with(
        move || {
            if step == at {
                other();
            }
            step += 1;
            Ok(())
        },
        work,
    );
    (result, steps > at)
}

/// Runs `work` with `action` before every access; also counts them.
fn with<T>(mut action: impl FnMut() -> io::Result<()> + 'static, work: impl FnOnce() -> T) -> (T, usize) {
    let steps = std::rc::Rc::new(std::cell::Cell::new(0));
    let counter = steps.clone();
    ACTION.set(Some(Box::new(move || {
        counter.set(counter.get() + 1);
        action()
    })));
    let result = work();
    ACTION.set(None);
    (result, steps.get())
}
