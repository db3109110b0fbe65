//! Between the generated bindings and [`Adapter`]: what [`export!`](crate::export!) expands to. Not for use by hand.

use std::cell::RefCell;
use std::thread::LocalKey;

use bindings::exports::mirrorbox::adapter::session_store as wit;
use bindings::wasi::config::store;

use crate::{Adapter, Batch, Capabilities, Error, Info, Kind, Page, Position, Session, SessionKey, Settings, Summary};

#[allow(
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    reason = "generated code"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package mirrorbox:guest;

            world guest {
                include mirrorbox:adapter/adapter@0.1.0;
                import wasi:config/store@0.2.0-rc.1;
                import wasi:logging/logging@0.1.0-draft;
            }
        ",
        world: "mirrorbox:guest/guest",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "__export",
    });
}

/// Holds the adapter of this instance, from a successful `open` on.
pub type Cell<A> = RefCell<Option<A>>;
/// A component has one thread.
pub type Slot<A> = LocalKey<Cell<A>>;

/// A component that exports an adapter.
pub trait Component {
    /// The adapter.
    type Adapter: Adapter + 'static;

    /// Where this instance keeps it.
    fn slot() -> &'static Slot<Self::Adapter>;
}

/// Calls the opened adapter.
fn with<C: Component, T>(call: impl FnOnce(&mut C::Adapter) -> Result<T, Error>) -> Result<T, wit::Error> {
    C::slot().with_borrow_mut(|adapter| match adapter {
        Some(adapter) => Ok(call(adapter)?),
        None => Err(wit::Error::Other(
            "the adapter was called before `open` succeeded".into(),
        )),
    })
}

impl<C: Component> wit::Guest for C {
    fn open() -> Result<wit::Info, wit::Error> {
        let settings = settings()?;
        let adapter = C::Adapter::open(&settings)?;
        settings.finish()?;
        C::slot().set(Some(adapter));
        Ok(C::Adapter::INFO.into())
    }

    fn append(key: wit::SessionKey, batch: wit::Batch, summary: Option<wit::Summary>) -> Result<(), wit::Error> {
        with::<C, _>(|adapter| adapter.append(&key.into(), batch.into(), summary.map(Into::into)))
    }

    fn load(key: wit::SessionKey, after: u64, max_bytes: u32) -> Result<Vec<wit::Batch>, wit::Error> {
        let batches = with::<C, _>(|adapter| adapter.load(&key.into(), after, max_bytes))?;
        Ok(batches.into_iter().map(Into::into).collect())
    }

    fn end(key: wit::SessionKey) -> Result<Option<wit::Position>, wit::Error> {
        let end = with::<C, _>(|adapter| adapter.end(&key.into()))?;
        Ok(end.map(Into::into))
    }

    fn list_subkeys(
        project_key: String,
        session_id: String,
        token: Option<String>,
        limit: u32,
    ) -> Result<wit::SubkeyPage, wit::Error> {
        let page = with::<C, _>(|adapter| adapter.list_subkeys(&project_key, &session_id, token.as_deref(), limit))?;
        Ok(page.into())
    }

    fn list_projects(token: Option<String>, limit: u32) -> Result<wit::ProjectPage, wit::Error> {
        let page = with::<C, _>(|adapter| adapter.list_projects(token.as_deref(), limit))?;
        Ok(page.into())
    }

    fn list_sessions(project_key: String, token: Option<String>, limit: u32) -> Result<wit::SessionPage, wit::Error> {
        let page = with::<C, _>(|adapter| adapter.list_sessions(&project_key, token.as_deref(), limit))?;
        Ok(page.into())
    }

    fn find_session(project_key: String, session_id: String) -> Result<Option<wit::Session>, wit::Error> {
        let session = with::<C, _>(|adapter| adapter.find_session(&project_key, &session_id))?;
        Ok(session.map(Into::into))
    }

    fn delete(key: wit::SessionKey, tombstone: wit::Batch) -> Result<(), wit::Error> {
        with::<C, _>(|adapter| adapter.delete(&key.into(), tombstone.into()))
    }

    fn compact(key: wit::SessionKey, through: u64) -> Result<(), wit::Error> {
        with::<C, _>(|adapter| adapter.compact(&key.into(), through))
    }
}

fn settings() -> Result<Settings, Error> {
    let pairs = store::get_all().map_err(|error| match error {
        store::Error::Upstream(reason) | store::Error::Io(reason) => {
            Error::Unavailable(format!("the settings cannot be read: {reason}"))
        }
    })?;
    Ok(Settings::from_pairs(pairs))
}

impl From<Info> for wit::Info {
    fn from(info: Info) -> Self {
        Self {
            name: info.name.to_owned(),
            version: info.version.to_owned(),
            capabilities: info.capabilities.into(),
        }
    }
}

impl From<Capabilities> for wit::Capabilities {
    fn from(capabilities: Capabilities) -> Self {
        let mut flags = Self::empty();
        flags.set(Self::LISTING, capabilities.listing);
        flags.set(Self::DELETION, capabilities.deletion);
        flags.set(Self::COMPACTION, capabilities.compaction);
        flags
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(reason) => Self::Unavailable(reason),
            Error::Throttled(wait) => Self::Throttled(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
            Error::Denied(reason) => Self::Denied(reason),
            Error::Misconfigured(reason) => Self::Misconfigured(reason),
            Error::Conflict => Self::Conflict,
            Error::Rejected(reason) => Self::Rejected(reason),
            Error::Corrupt { first, last, reason } => Self::Corrupt(wit::Damage { first, last, reason }),
            Error::Unsupported => Self::Unsupported,
            Error::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<wit::SessionKey> for SessionKey {
    fn from(key: wit::SessionKey) -> Self {
        Self {
            project_key: key.project_key,
            session_id: key.session_id,
            subpath: key.subpath,
        }
    }
}

impl From<wit::Kind> for Kind {
    fn from(kind: wit::Kind) -> Self {
        match kind {
            wit::Kind::Entries => Self::Entries,
            wit::Kind::Claim => Self::Claim,
            wit::Kind::Tombstone => Self::Tombstone,
        }
    }
}

impl From<Kind> for wit::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Entries => Self::Entries,
            Kind::Claim => Self::Claim,
            Kind::Tombstone => Self::Tombstone,
        }
    }
}

impl From<wit::Batch> for Batch {
    fn from(batch: wit::Batch) -> Self {
        Self {
            number: batch.number,
            kind: batch.kind.into(),
            writer: batch.writer,
            line: batch.line,
            digest: batch.digest,
            payload: batch.payload,
        }
    }
}

impl From<Batch> for wit::Batch {
    fn from(batch: Batch) -> Self {
        Self {
            number: batch.number,
            kind: batch.kind.into(),
            writer: batch.writer,
            line: batch.line,
            digest: batch.digest,
            payload: batch.payload,
        }
    }
}

impl From<Position> for wit::Position {
    fn from(position: Position) -> Self {
        Self {
            number: position.number,
            digest: position.digest,
        }
    }
}

impl From<wit::Summary> for Summary {
    fn from(summary: wit::Summary) -> Self {
        Self {
            through: summary.through,
            json: summary.json,
        }
    }
}

impl From<Summary> for wit::Summary {
    fn from(summary: Summary) -> Self {
        Self {
            through: summary.through,
            json: summary.json,
        }
    }
}

impl From<Session> for wit::Session {
    fn from(session: Session) -> Self {
        Self {
            session_id: session.session_id,
            modified: session.modified,
            last: session.last,
            summary: session.summary.map(Into::into),
        }
    }
}

impl From<Page<String>> for wit::SubkeyPage {
    fn from(page: Page<String>) -> Self {
        Self {
            subpaths: page.items,
            next: page.next,
        }
    }
}

impl From<Page<String>> for wit::ProjectPage {
    fn from(page: Page<String>) -> Self {
        Self {
            project_keys: page.items,
            next: page.next,
        }
    }
}

impl From<Page<Session>> for wit::SessionPage {
    fn from(page: Page<Session>) -> Self {
        Self {
            sessions: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }
    }
}
