use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::copies::{self, SpoolCopy};
use super::error::SessionStoreError;
use super::reading::StreamReading;
use super::{Answer, SessionStore, WhileAway};
use crate::block_on::block_on;
use crate::key::SessionKey;
use crate::mirror::{DeliveryRecords, WantedDeleted};
use crate::session::{self, SessionError};
use crate::spool::Spool;
use crate::store::{Store, StoredSession};

/// A session that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTime {
    /// Its id.
    pub session: String,
    /// Unix milliseconds of the last append to its main transcript that is known: by the backend's clock, or by this
    /// machine's where a spool here holds later lines.
    pub modified: u64,
}

/// What is known of a session.
#[derive(Debug)]
pub(super) struct KnownSession {
    pub(super) main: SessionKey,
    pub(super) modified: u64,
    /// As a destination lists it.
    pub(super) stored: Option<StoredSession>,
    /// Copies that hold lines which the destination is not known to have, and the first of them.
    pub(super) waiting: Vec<(SpoolCopy, u64)>,
}

/// What becomes of spools of this host's that every destination has: one that answers lists what they hold.
#[derive(Clone, Copy, Debug)]
enum RestingSpools {
    PassedOver,
    LookedAt,
}

/// What one destination listed.
struct ListedBy<T> {
    destination: String,
    items: Vec<T>,
    /// What was to be deleted there before it was asked: it may have listed what is gone by now.
    going: WantedDeleted,
}

impl SessionStore {
    /// The sessions of a project, by id; without those of which only streams beside the main transcript are there.
    pub fn list_sessions(&self, project: &str) -> impl Future<Output = Answer<Vec<SessionTime>>> + Send + use<> {
        let project = project.to_owned();
        self.work(async move |this| {
            let known = this.known_sessions(&project).await?;
            let listed = known.into_iter().map(|known| SessionTime {
                session: known.main.session_id().to_owned(),
                modified: known.modified,
            });
            Ok(listed.collect())
        })
    }

    /// [`SessionStore::list_sessions`] for callers without async.
    pub fn list_sessions_blocking(&self, project: &str) -> Answer<Vec<SessionTime>> {
        block_on(self.list_sessions(project))
    }

    /// The subpaths of a session's streams beside its main transcript, sorted.
    pub fn list_subkeys(&self, session: &SessionKey) -> impl Future<Output = Answer<Vec<String>>> + Send + use<> {
        let main = session.to_main();
        self.work(async move |this| this.subpaths(main).await)
    }

    /// [`SessionStore::list_subkeys`] for callers without async.
    pub fn list_subkeys_blocking(&self, session: &SessionKey) -> Answer<Vec<String>> {
        block_on(self.list_subkeys(session))
    }

    pub(super) async fn known_sessions(&self, project: &str) -> Answer<Vec<KnownSession>> {
        let records = DeliveryRecords::open(&self.core.state)?;
        // In this order: what is delivered meanwhile is listed.
        let mut here = self.local(project, &records, SessionKey::is_main, RestingSpools::PassedOver)?;
        let list = async |store: Arc<dyn Store>| session::stored_sessions(&*store, project).await;
        let what = || format!("the sessions of {project}");
        let listings = self.ask_all(project, &records, what, list).await?;
        if listings.is_empty() {
            here = self.local(project, &records, SessionKey::is_main, RestingSpools::LookedAt)?;
        }
        let mut known: BTreeMap<SessionKey, (String, KnownSession)> = BTreeMap::new();
        for ListedBy {
            destination,
            items,
            going,
        } in listings
        {
            for stored in items {
                // What cannot be a key is no session.
                let Ok(main) = SessionKey::main(project, &stored.session_id) else {
                    continue;
                };
                if going.holds(&main) || records.is_wanted_deleted(&destination, &main)? {
                    continue;
                }
                let session = || (destination.clone(), KnownSession::stored(&main, stored.clone()));
                let (_, there) = known.entry(main.clone()).or_insert_with(session);
                there.modified = there.modified.max(stored.modified);
            }
        }
        for (main, copies) in here {
            if let Some((destination, session)) = known.get_mut(&main) {
                session.add(copies, destination);
            } else if self.is_read(&main).await? {
                let session = KnownSession::of_spools(&main, &copies);
                known.insert(main, (String::new(), session));
            }
        }
        Ok(known.into_values().map(|(_, session)| session).collect())
    }

    async fn subpaths(&self, main: SessionKey) -> Answer<Vec<String>> {
        let records = DeliveryRecords::open(&self.core.state)?;
        let is_beside = |key: &SessionKey| !key.is_main() && key.is_part_of(&main);
        let mut here = self.local(main.project_key(), &records, is_beside, RestingSpools::PassedOver)?;
        let list = async |store: Arc<dyn Store>| session::subkeys(&*store, &main).await;
        let what = || format!("the streams of {main}");
        let listings = self.ask_all(main.project_key(), &records, what, list).await?;
        if listings.is_empty() {
            here = self.local(main.project_key(), &records, is_beside, RestingSpools::LookedAt)?;
        }
        let mut found = BTreeSet::new();
        for ListedBy {
            destination,
            items,
            going,
        } in listings
        {
            for key in items {
                if !going.holds(&key) && !records.is_wanted_deleted(&destination, &key)? {
                    found.insert(key);
                }
            }
        }
        for (key, _) in here {
            if !found.contains(&key) && self.is_read(&key).await? {
                found.insert(key);
            }
        }
        let subpaths = found.iter().filter_map(SessionKey::subpath);
        Ok(subpaths.map(str::to_owned).collect())
    }

    /// Whether a stream that no destination lists is there: reading decides.
    async fn is_read(&self, key: &SessionKey) -> Answer<bool> {
        let first = async { StreamReading::new(self.clone(), key.clone()).await?.next().await };
        match first.await {
            Ok(lines) => Ok(lines.is_some()),
            Err(SessionStoreError::Away { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// What spools hold of a project's streams.
    fn local(
        &self,
        project: &str,
        records: &DeliveryRecords,
        is_wanted: impl Fn(&SessionKey) -> bool,
        resting: RestingSpools,
    ) -> Answer<Vec<(SessionKey, Vec<SpoolCopy>)>> {
        let mut keys = self.core.mirror.streams_in(project);
        let known = match resting {
            RestingSpools::PassedOver => self.core.mirror.writers(),
            RestingSpools::LookedAt => BTreeSet::new(),
        };
        for spool in Spool::look_at_others(&self.core.state, &known)? {
            let of_project = spool
                .streams()?
                .iter()
                .filter(|look| look.key().project_key() == project);
            keys.extend(of_project.map(|look| look.key().clone()));
        }
        keys.retain(is_wanted);
        let mut here = Vec::new();
        for key in keys {
            let copies = copies::of_stream(&self.core, records, &key)?;
            here.push((key, copies));
        }
        Ok(here)
    }

    /// What each destination that takes a project lists; an error where none answers, unless that is fine.
    async fn ask_all<T>(
        &self,
        project: &str,
        records: &DeliveryRecords,
        what: impl Fn() -> String,
        list: impl AsyncFn(Arc<dyn Store>) -> Result<Vec<T>, SessionError>,
    ) -> Answer<Vec<ListedBy<T>>> {
        let (mut listings, mut failing) = (Vec::new(), Vec::new());
        let mut unsupported = None;
        for (destination, store) in self.core.mirror.taking(project) {
            let going = records.wanted_deleted(&destination, self.core.mirror.deleting(&destination))?;
            match store {
                Err(why) => failing.push((destination, why)),
                Ok(store) => match list(store).await {
                    Ok(items) => listings.push(ListedBy {
                        destination,
                        items,
                        going,
                    }),
                    Err(error @ SessionError::Unsupported { .. }) => unsupported = Some(error),
                    Err(error) => failing.push((destination, error.to_string())),
                },
            }
        }
        if !listings.is_empty() || self.while_away == WhileAway::AnswerFromHere {
            return Ok(listings);
        }
        match unsupported {
            Some(error) => Err(error.into()),
            None if failing.is_empty() => Ok(listings),
            None => Err(SessionStoreError::Away {
                what: what(),
                missing: "what other machines stored is not known here".to_owned(),
                destinations: failing,
            }),
        }
    }
}

impl KnownSession {
    fn stored(main: &SessionKey, stored: StoredSession) -> Self {
        Self {
            main: main.clone(),
            modified: stored.modified,
            stored: Some(stored),
            waiting: Vec::new(),
        }
    }

    fn of_spools(main: &SessionKey, copies: &[SpoolCopy]) -> Self {
        let modified = copies.iter().filter_map(|copy| copy.look.modified()).max();
        Self {
            main: main.clone(),
            modified: modified.unwrap_or_default(),
            stored: None,
            waiting: Vec::new(),
        }
    }

    fn add(&mut self, copies: Vec<SpoolCopy>, destination: &str) {
        for copy in copies {
            let first = copy.first_waiting(destination);
            if first < copy.end() {
                self.modified = self.modified.max(copy.look.modified().unwrap_or_default());
                self.waiting.push((copy, first));
            }
        }
    }
}
