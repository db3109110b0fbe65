//! An adapter that reaches out on command: for tests of the host.
//!
//! The session id of the key that `load` gets is the command, in words: [`Command`] lists them. The outcome is
//! the text of an error `other`. The setting `run` is a command for `open`, with its outcome likewise; `end` is one for
//! each call of `end`, whose outcome is dropped. One connection is kept from call to call. Everything else works and
//! does nothing.

mod command;
mod http;
mod sockets;

use mirrorbox_adapter::{
    Adapter, Batch, Capabilities, Error, Info, Page, Position, Result, Session, SessionKey, Settings, Summary,
};

pub use command::Command;
use sockets::Sockets;

/// The adapter.
#[derive(Debug, Default)]
pub struct Network {
    sockets: Sockets,
    end: Option<Command>,
}

impl Network {
    fn tell(&mut self, command: &Command) -> Error {
        Error::Other(match command.run(&mut self.sockets) {
            Ok(told) => told,
            Err(error) => format!("failed: {error}"),
        })
    }
}

impl Adapter for Network {
    const INFO: Info = Info {
        name: "network",
        version: env!("CARGO_PKG_VERSION"),
        capabilities: Capabilities {
            listing: true,
            deletion: false,
            compaction: false,
        },
    };

    fn open(settings: &Settings) -> Result<Self> {
        let first: Option<Command> = settings.optional("run")?;
        let end = settings.optional("end")?;
        settings.finish()?;
        let mut network = Self { end, ..Self::default() };
        match first {
            Some(command) => Err(network.tell(&command)),
            None => Ok(network),
        }
    }

    fn load(&mut self, key: &SessionKey, _after: u64, _max_bytes: u32) -> Result<Vec<Batch>> {
        let command: Command = key.session_id.parse().map_err(Error::Rejected)?;
        Err(self.tell(&command))
    }

    fn append(&mut self, _: &SessionKey, _: Batch, _: Option<Summary>) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &SessionKey) -> Result<Option<Position>> {
        if let Some(command) = &self.end {
            // Whatever comes of it, the host has seen what was tried.
            let _ = command.run(&mut self.sockets);
        }
        Ok(None)
    }

    fn list_subkeys(&mut self, _: &str, _: &str, _: Option<&str>, _: u32) -> Result<Page<String>> {
        Ok(Page::default())
    }

    fn list_projects(&mut self, _: Option<&str>, _: u32) -> Result<Page<String>> {
        Ok(Page::default())
    }

    fn list_sessions(&mut self, _: &str, _: Option<&str>, _: u32) -> Result<Page<Session>> {
        Ok(Page::default())
    }

    fn find_session(&mut self, _: &str, _: &str) -> Result<Option<Session>> {
        Ok(None)
    }

    fn delete(&mut self, _: &SessionKey, _: Batch) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn compact(&mut self, _: &SessionKey, _: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
}

mirrorbox_adapter::export!(Network);
