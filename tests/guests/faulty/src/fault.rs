use std::process;
use std::str::FromStr;
use std::time::Duration;

use mirrorbox_adapter::{Error, Result, log};

use crate::{hunger, sandbox};

/// How long an instance sleeps where an order says so: longer than any test waits.
const SLEEP: Duration = Duration::from_secs(60 * 60);

/// How long an instance takes that is late: longer than a host's usual patience, and no error.
const LATE: Duration = Duration::from_secs(30);

macro_rules! faults {
    ($($(#[$attribute:meta])* $fault:ident $name:literal)*) => {
        /// What goes wrong. Each is asked for by the name that is its name here in kebab-case.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$attribute])* $fault,)*
        }

        impl FromStr for Fault {
            type Err = &'static str;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$fault),)*
                    _ => Err("no fault has this name"),
                }
            }
        }
    };
}

faults! {
    /// Nothing.
    #[default] Ok "ok"
    /// Nothing; for tests that count the calls of an instance.
    Remember "remember"

    /// Ends in a trap.
    Trap "trap"
    /// Leaves through `wasi:cli/exit`.
    Exit "exit"
    /// Calls itself until the stack is full.
    Stack "stack"
    /// Computes for ever.
    Spin "spin"
    /// Fills a large piece of memory again and again, an instruction each.
    MemoryFill "memory-fill"
    /// Waits for ever, in the host.
    Sleep "sleep"
    /// Works, but for half a minute.
    Late "late"
    /// Takes memory until it runs out.
    Bomb "bomb"
    /// Takes resources of the host until there are none.
    Handles "handles"
    /// Asks for 4 GiB of random bytes at once.
    Random "random"
    /// Writes to stdout for ever.
    Flood "flood"
    /// Logs for ever.
    LogFlood "log-flood"

    /// `load` gives a batch of 100 MB behind 0, and nothing behind that.
    HundredMegabytes "hundred-megabytes"
    /// `load` gives a million empty batches.
    Many "many"
    /// `load` gives two batches in the wrong order.
    Disorder "disorder"
    /// `load` and `end` give a text that is no digest.
    BadDigest "bad-digest"

    /// `end` tells a batch more than there is. Of a folder.
    Ahead "ahead"
    /// `end` and `load` tell that there is nothing. Of a folder.
    Empty "empty"

    /// `unavailable`.
    Unavailable "unavailable"
    /// `throttled`, for 250 ms.
    Throttled "throttled"
    /// `denied`.
    Denied "denied"
    /// `misconfigured`.
    Misconfigured "misconfigured"
    /// `conflict`.
    Conflict "conflict"
    /// `rejected`.
    Rejected "rejected"
    /// `corrupt`, batches 3 to 5.
    Corrupt "corrupt"
    /// `unsupported`.
    Unsupported "unsupported"
    /// `other`.
    Other "other"

    /// Tells, as `other`, the environment and the arguments that it sees.
    Env "env"
    /// Tells, as `other`, what it finds in `/`, `.`, `..`, `/etc` and `/data`.
    Files "files"
    /// Tells, as `other`, how far it comes with TCP, UDP and a name.
    Net "net"
    /// Prints a line to stdout and one to stderr, and works.
    Stdout "stdout"
    /// Logs a line of each level, and works.
    Log "log"
}

impl Fault {
    /// Does what goes wrong, unless it is in what a call gives back.
    pub(crate) fn commit(self) -> Result<()> {
        let reason = || "on command".to_owned();
        match self {
            Self::Ok
            | Self::Remember
            | Self::HundredMegabytes
            | Self::Many
            | Self::Disorder
            | Self::BadDigest
            | Self::Ahead
            | Self::Empty => Ok(()),
            Self::Trap => process::abort(),
            Self::Exit => process::exit(1),
            Self::Sleep => {
                std::thread::sleep(SLEEP);
                Ok(())
            }
            Self::Late => {
                std::thread::sleep(LATE);
                Ok(())
            }
            Self::Stack => Err(Error::Other(hunger::recurse(0).to_string())),
            Self::Spin => hunger::spin(),
            Self::MemoryFill => hunger::fill(),
            Self::Bomb => hunger::allocate(),
            Self::Handles => hunger::open_handles(),
            Self::Random => Err(Error::Other(hunger::draw())),
            Self::Flood => sandbox::flood(),
            Self::LogFlood => sandbox::log_flood(),
            Self::Unavailable => Err(Error::Unavailable(reason())),
            Self::Throttled => Err(Error::Throttled(Duration::from_millis(250))),
            Self::Denied => Err(Error::Denied(reason())),
            Self::Misconfigured => Err(Error::Misconfigured(reason())),
            Self::Conflict => Err(Error::Conflict),
            Self::Rejected => Err(Error::Rejected(reason())),
            Self::Corrupt => Err(Error::corrupt(3, 5, reason())),
            Self::Unsupported => Err(Error::Unsupported),
            Self::Other => Err(Error::Other(reason())),
            Self::Env => Err(Error::Other(sandbox::environment())),
            Self::Files => Err(Error::Other(sandbox::files())),
            Self::Net => Err(Error::Other(sandbox::network())),
            Self::Stdout => {
                println!("to stdout, on command");
                eprintln!("to stderr, on command");
                Ok(())
            }
            Self::Log => {
                log::trace("faulty", "a trace");
                log::debug("faulty", "for debugging");
                log::info("faulty", "an information");
                log::warn("faulty", "a warning");
                log::error("faulty", "an error");
                Ok(())
            }
        }
    }
}
