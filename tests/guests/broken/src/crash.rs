//! Ways to crash.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// Whether the allocator does what collectors do.
pub(crate) static COLLECTS: AtomicBool = AtomicBool::new(false);

/// What is no larger is not collected for.
const LARGE: usize = 64 << 10;

/// An allocator that looks at the clock, which is the host's.
#[derive(Debug)]
struct Collector;

#[global_allocator]
static COLLECTOR: Collector = Collector;

// SAFETY: it hands everything on to the system's allocator, with the very arguments that it got.
#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
unsafe impl GlobalAlloc for Collector {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGE && COLLECTS.load(Relaxed) {
            black_box(Instant::now());
        }
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Calls itself until the stack is full.
#[expect(unconditional_recursion, reason = "the fault")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame.iter().sum::<u64>()
}

/// Takes memory until the host refuses more.
pub(crate) fn devour() -> ! {
    loop {
        mem::forget(black_box(vec![1_u8; 16 << 20]));
    }
}
