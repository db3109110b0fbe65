//! Takes more than an instance should get.

use std::hint::black_box;
use std::mem;

use mirrorbox_adapter::Result;

const PIECE: usize = 16 << 20;

/// Calls itself until the stack is full.
#[expect(unconditional_recursion, reason = "the fault")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame.iter().sum::<u64>()
}

/// Computes for ever.
pub(crate) fn spin() -> ! {
    loop {
        black_box(());
    }
}

/// Fills a large piece of memory again and again. One `memory.fill` is one instruction to a guest, and long.
pub(crate) fn fill() -> ! {
    let mut piece = vec![0_u8; 2 * PIECE];
    loop {
        piece.fill(black_box(1));
        black_box(&piece);
    }
}

/// Takes memory until the host refuses more.
pub(crate) fn allocate() -> Result<()> {
    loop {
        mem::forget(black_box(vec![1_u8; PIECE]));
    }
}

/// Takes timers of the host until there are none.
pub(crate) fn open_handles() -> ! {
    loop {
        keep_timer();
    }
}

fn keep_timer() {
    #[cfg(target_family = "wasm")]
    mem::forget(host::wasi::clocks::monotonic_clock::subscribe_duration(u64::MAX));
}

/// Asks for 4 GiB of random bytes at once; tells how many came.
pub(crate) fn draw() -> String {
    #[cfg(target_family = "wasm")]
    let bytes = host::wasi::random::random::get_random_bytes(u64::from(u32::MAX)).len();
    #[cfg(not(target_family = "wasm"))]
    let bytes = 0;
    format!("{bytes} random bytes")
}

/// What std keeps to itself. The linker wants every function of an interface, used or not.
#[cfg(target_family = "wasm")]
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    reason = "generated code"
)]
mod host {
    wit_bindgen::generate!({
        inline: "
            package mirrorbox:faulty;

            world faulty {
                import wasi:clocks/monotonic-clock@0.2.0;
                import wasi:random/random@0.2.0;
            }

            package wasi:io@0.2.0 {
                interface poll {
                    resource pollable {
                        ready: func() -> bool;
                        block: func();
                    }
                    poll: func(in: list<borrow<pollable>>) -> list<u32>;
                }
            }

            package wasi:clocks@0.2.0 {
                interface monotonic-clock {
                    use wasi:io/poll@0.2.0.{pollable};
                    type instant = u64;
                    type duration = u64;
                    now: func() -> instant;
                    resolution: func() -> duration;
                    subscribe-instant: func(when: instant) -> pollable;
                    subscribe-duration: func(when: duration) -> pollable;
                }
            }

            package wasi:random@0.2.0 {
                interface random {
                    get-random-bytes: func(len: u64) -> list<u8>;
                    get-random-u64: func() -> u64;
                }
            }
        ",
        generate_all,
    });
}
