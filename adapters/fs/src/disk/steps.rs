//! Lets a test act before the n-th access to the disk: crash there, or be another host.

use std::cell::{Cell, RefCell};
use std::io;

type Action = Box<dyn FnMut() -> io::Result<()>>;

thread_local! {
    static ACTION: RefCell<Option<Action>> = const { RefCell::new(None) };
    static ENTRIES: Cell<usize> = const { Cell::new(0) };
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

/// What every entry of a folder that is looked at calls.
pub(crate) fn entry() {
    ENTRIES.set(ENTRIES.get() + 1);
}

/// How many entries of folders `work` looked at.
pub(crate) fn entries<T>(work: impl FnOnce() -> T) -> (T, usize) {
    ENTRIES.set(0);
    let result = work();
    (result, ENTRIES.get())
}

/// Runs `work`, whose access number `at` (from 0) fails as the operating system says it. Tells whether it came that
/// far.
pub(crate) fn failing_at<T>(at: usize, errno: i32, work: impl FnOnce() -> T) -> (T, bool) {
    let mut step = 0;
    let (result, steps) = with(
        move || {
            step += 1;
            if step == at + 1 {
                Err(io::Error::from_raw_os_error(errno))
            } else {
                Ok(())
            }
        },
        work,
    );
    (result, steps > at)
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
