//! Says more than anybody wants to read.

use std::io::{self, Write};

use mirrorbox_adapter::log;

pub(crate) fn endless_line() -> ! {
    let piece = [b'x'; 4096];
    loop {
        // Nobody hears of a failure either.
        let _ = io::stdout().write_all(&piece);
    }
}

pub(crate) fn everywhere() -> ! {
    loop {
        log::error("noise", "noise");
        println!("noise");
        eprintln!("noise");
    }
}
