//! Lines for the host's log, through `wasi:logging`. In a native build they go to stderr.
//!
//! `context` names the part of the adapter that speaks; it may be empty. Transcripts and secrets do not belong here.
//!
//! ```
//! use mirrorbox_adapter::log;
//!
//! log::warn("open", "no TLS: the backend's certificate is not checked");
//! log::debug("append", format_args!("batch {} took {} ms", 3, 17));
//! ```

use std::fmt::Display;

#[cfg(target_family = "wasm")]
use crate::export::bindings::wasi::logging::logging::{self, Level};

macro_rules! levels {
    ($($(#[doc = $doc:literal])* $name:ident $level:ident)*) => {
        #[cfg(not(target_family = "wasm"))]
        enum Level {
            $($level,)*
        }

        $(
            $(#[doc = $doc])*
            pub fn $name(context: &str, message: impl Display) {
                line(Level::$level, context, &message);
            }
        )*

        #[cfg(not(target_family = "wasm"))]
        fn line(level: Level, context: &str, message: &dyn Display) {
            let level = match level {
                $(Level::$level => stringify!($name),)*
            };
            eprintln!("{level} {context}: {message}");
        }
    };
}

levels! {
    /// Every step: for the adapter's author.
    trace Trace
    /// What helps to find out why something went wrong.
    debug Debug
    /// What happened, in the normal course of things.
    info Info
    /// Something is not as it should be, and the adapter goes on.
    warn Warn
    /// An operation failed in a way that its error alone does not tell.
    error Error
}

#[cfg(target_family = "wasm")]
fn line(level: Level, context: &str, message: &dyn Display) {
    logging::log(level, context, &message.to_string());
}
