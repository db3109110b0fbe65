//! Says more than anybody wants to read.

use std::io::{self, Write};

use mirrorbox_adapter::log;

pub(crate) fn endless_line() -> ! {
    let piece = [b'x'; 4096];
    loop {
        // A failure is reported nowhere either.
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

/// For a terminal, and for who reads lines.
pub(crate) fn escape() -> &'static str {
    "\u{1b}]0;PWNED\u{7}\u{1b}[2J\u{9b}2J\r\u{202e}all is fine\nerror: forged\u{e0041}\u{200b}"
}
