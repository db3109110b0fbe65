use std::str::FromStr;

use mirrorbox_adapter::{Batch, Kind};

use crate::{batch, files, hoard, noise, script, ways_out};

macro_rules! deeds {
    ($($(#[$attribute:meta])* $deed:ident $name:literal)*) => {
        /// What it tries. Each is asked for by the name that is its name here in kebab-case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Deed {
            $($(#[$attribute])* $deed,)*
        }

        impl FromStr for Deed {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                match name {
                    $($name => Ok(Self::$deed),)*
                    _ => Err(format!("no deed is named {name}")),
                }
            }
        }
    };
}

deeds! {
    /// Reads files outside of what is granted, by every way that there is.
    Files "files"
    /// Writes, truncates and removes in the folder `/ro`.
    WriteReadOnly "write-read-only"
    /// Brings a file from `/ro` to `/rw` by a hard link and by renaming, and writes to it there.
    Across "across"
    /// Makes symbolic links in `/rw` that lead out, and follows them.
    SymlinksOut "symlinks-out"
    /// Does what the file `/a/script` says.
    Script "script"
    /// Writes to `/data` until there is no room for more.
    Fill "fill"
    /// Makes empty files in `/data` until there is no room for more.
    Names "names"
    /// Opens `/rw/fifo`, which nobody else has open.
    Fifo "fifo"
    /// Connects to this machine, to metadata servers and to its own network.
    Connections "connections"
    /// Makes requests to the same.
    Requests "requests"

    /// Adds 40,000 headers to one message.
    Headers "headers"
    /// Makes a message of a million headers at once.
    HeaderList "header-list"
    /// Asks for ten million events at once.
    Poll "poll"
    /// Makes sockets without end.
    Sockets "sockets"
    /// Opens a granted folder again and again.
    Descriptors "descriptors"
    /// Makes requests that it never sends, without end.
    Messages "messages"

    /// Asks for names that nobody answers for, hundreds at a time.
    Lookups "lookups"
    /// Asks for a pause of seven weeks.
    Throttle "throttle"

    /// Tells what would clear a terminal, name its window and forge a message.
    Escape "escape"
    /// Writes one line without end.
    EndlessLine "endless-line"
    /// Logs, writes to stdout and to stderr, lines without end.
    Noise "noise"

    /// Panics.
    Panic "panic"
    /// Panics at every third call of an instance.
    EveryThird "every-third"

    /// `load` gives a number that was not asked for.
    LieNumber "lie-number"
    /// `load` gives a digest that is another batch's.
    LieDigest "lie-digest"
    /// `load` gives a tombstone with a payload.
    LieKind "lie-kind"
    /// `load` gives the same batch twice.
    LieTwice "lie-twice"
}

impl Deed {
    /// Does it; what came of it.
    pub(crate) fn commit(self, calls: u64) -> String {
        match self {
            Self::Files => files::explore(),
            Self::WriteReadOnly => files::write_read_only(),
            Self::Across => files::across(),
            Self::SymlinksOut => files::symlinks_out(),
            Self::Script => script::perform(),
            Self::Fifo => files::fifo(),
            Self::Fill => files::fill(),
            Self::Names => files::names(),
            Self::Connections => ways_out::connections(),
            Self::Requests => ways_out::requests(),
            Self::Headers => hoard::headers(),
            Self::HeaderList => hoard::header_list(),
            Self::Poll => hoard::poll(),
            Self::Sockets => hoard::sockets(),
            Self::Descriptors => hoard::descriptors(),
            Self::Messages => hoard::messages(),
            Self::Lookups => hoard::lookups(),
            Self::Escape => noise::escape().to_owned(),
            Self::EndlessLine => noise::endless_line(),
            Self::Noise => noise::everywhere(),
            Self::EveryThird if !calls.is_multiple_of(3) => format!("call {calls}"),
            _ => std::process::abort(),
        }
    }

    /// The batches of a lie.
    pub(crate) fn lie(self, after: u64) -> Option<Vec<Batch>> {
        let next = batch(after + 1);
        Some(match self {
            Self::LieNumber => vec![batch(after + 7)],
            Self::LieDigest => vec![next],
            Self::LieKind => vec![Batch {
                kind: Kind::Tombstone,
                ..next
            }],
            Self::LieTwice => vec![next.clone(), next],
            _ => return None,
        })
    }
}
