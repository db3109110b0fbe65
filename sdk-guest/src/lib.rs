//! Write a storage adapter for Mirrorbox in Rust.
//!
//! An adapter is a WebAssembly component that stores the numbered batches of a transcript in some backend and gives
//! them back. Implement [`Adapter`], name the type in [`export!`], build for `wasm32-wasip2`. What each operation must
//! do on a retry, on a conflict, after a tombstone and on an empty stream stands in `wit/adapter.wit`, beside this
//! crate's source; the operations here have the same names.
//!
//! * [`Settings`]: what the manifest's `[config]` says, typed; a setting that nobody asked for is refused by name.
//! * [`encoding`]: parts of a key as names in a backend, so that two keys never share a place.
//! * [`log`]: lines for the host's log.
//! * [`Error`]: says to the host whether to try again, to wait or to alarm.
//!
//! # A whole adapter
//!
//! This one keeps a file per batch in a granted folder, as plainly as it can be done: no summaries, no listings, no
//! deletion. Every file name is made of encoded parts, and `create_new` decides who gets a number.
//!
//! ```
//! use std::{fs, io, path::PathBuf};
//!
//! use mirrorbox_adapter::{
//!     Adapter, Batch, Capabilities, Error, Info, Kind, Page, Position, Result, SessionKey, Settings, Summary,
//!     encoding::encode_file_name,
//! };
//!
//! struct Plain {
//!     root: PathBuf,
//! }
//!
//! impl Plain {
//!     fn file(&self, key: &SessionKey, number: u64) -> PathBuf {
//!         let [project, session] = [&key.project_key, &key.session_id].map(|part| encode_file_name(part));
//!         let subpath = key.subpath.as_deref().map(encode_file_name).unwrap_or_default();
//!         self.root.join(format!("{project}+{session}+{subpath}+{number}"))
//!     }
//!
//!     fn read(&self, key: &SessionKey, number: u64) -> Result<Option<Batch>> {
//!         let stored = match fs::read(self.file(key, number)) {
//!             Ok(stored) => stored,
//!             Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
//!             Err(error) => return Err(Error::Other(error.to_string())),
//!         };
//!         let damaged = || Error::corrupt(number, number, "the header is cut short");
//!         let end = stored.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
//!         let (header, payload) = stored.split_at(end + 1);
//!         let header = String::from_utf8_lossy(header);
//!         let mut words = header.split_whitespace().map(str::to_owned);
//!         let mut word = || words.next().ok_or_else(damaged);
//!         Ok(Some(Batch {
//!             number,
//!             kind: Kind::from_name(&word()?).ok_or_else(damaged)?,
//!             writer: word()?,
//!             line: word()?.parse().map_err(|_| damaged())?,
//!             digest: word()?,
//!             payload: payload.to_vec(),
//!         }))
//!     }
//! }
//!
//! impl Adapter for Plain {
//!     const INFO: Info = Info {
//!         name: "plain",
//!         version: env!("CARGO_PKG_VERSION"),
//!         capabilities: Capabilities::NONE,
//!     };
//!
//!     fn open(settings: &Settings) -> Result<Self> {
//!         let root = settings.required::<PathBuf>("root")?;
//!         settings.finish()?;
//!         match root.is_dir() {
//!             true => Ok(Self { root }),
//!             false => Err(Error::Misconfigured(format!("`root` = {} is not a folder", root.display()))),
//!         }
//!     }
//!
//!     fn append(&mut self, key: &SessionKey, batch: Batch, _summary: Option<Summary>) -> Result<()> {
//!         if let Some(stored) = self.read(key, batch.number)? {
//!             return if stored.digest == batch.digest { Ok(()) } else { Err(Error::Conflict) };
//!         }
//!         let Batch { kind, writer, line, digest, payload, .. } = &batch;
//!         let mut bytes = format!("{} {writer} {line} {digest}\n", kind.name()).into_bytes();
//!         bytes.extend_from_slice(payload);
//!         let file = fs::File::create_new(self.file(key, batch.number));
//!         file.and_then(|mut file| io::Write::write_all(&mut file, &bytes))
//!             .map_err(|error| Error::Unavailable(error.to_string()))
//!     }
//!
//!     fn load(&mut self, key: &SessionKey, after: u64, _max_bytes: u32) -> Result<Vec<Batch>> {
//!         self.read(key, after + 1).map(Vec::from_iter)
//!     }
//!
//!     fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
//!         let mut end = None;
//!         for number in 1.. {
//!             match self.read(key, number)? {
//!                 Some(batch) => end = Some(batch.position()),
//!                 None => break,
//!             }
//!         }
//!         Ok(end)
//!     }
//!
//!     fn list_subkeys(&mut self, _: &str, _: &str, _: Option<&str>, _: u32) -> Result<Page<String>> {
//!         Ok(Page::default())
//!     }
//! }
//!
//! mirrorbox_adapter::export!(Plain);
//!
//! // Natively, for tests, an adapter is an ordinary value.
//! let folder = std::env::temp_dir();
//! let mut plain = Plain::open(&Settings::from_pairs([("root", folder.display())]))?;
//! let key = SessionKey::main(format!("doc-{}", std::process::id()), "session");
//! assert_eq!(plain.end(&key)?, None);
//! # Ok::<(), Error>(())
//! ```
//!
//! (A real one survives a crash between creating the file and writing it, takes any text for a writer, and hides what
//! is before a tombstone. `examples/adapter` does, and passes every check.)

#![deny(missing_docs)]

mod adapter;
pub mod encoding;
mod error;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod export;
pub mod log;
mod piece;
mod settings;
#[cfg(feature = "sockets")]
pub mod sockets;
mod types;

pub use adapter::{Adapter, Info};
pub use error::{Error, Result};
pub use piece::Piece;
pub use settings::Settings;
pub use types::{Batch, Capabilities, Kind, Page, Position, Session, SessionKey, Summary};

/// Makes the component export an [`Adapter`]: `mirrorbox_adapter::export!(Fs);`, once per crate.
///
/// Each instance of the component holds one adapter, from a successful `open` on; a call before that is an error. After
/// [`Adapter::open`], settings that nobody asked for are refused as by [`Settings::finish`].
///
/// In a native build this checks the type and exports nothing: the linker would refuse the names.
#[macro_export]
macro_rules! export {
    ($adapter:ty) => {
        const _: () = {
            const fn is_adapter<A: $crate::Adapter + 'static>() {}
            is_adapter::<$adapter>();

            #[cfg(target_family = "wasm")]
            mod component {
                use super::*;

                struct Component;

                impl $crate::export::Component for Component {
                    type Adapter = $adapter;

                    fn slot() -> &'static $crate::export::Slot<$adapter> {
                        ::std::thread_local! {
                            static SLOT: $crate::export::Cell<$adapter> = const { $crate::export::Cell::new(None) };
                        }
                        &SLOT
                    }
                }

        $crate::export::bindings::__export!(Component with_types_in $crate::export::bindings);
            }
        };
    };
}
