//! Listings, as the faults have it.

use mirrorbox_adapter::{Adapter as _, Page, Result, Session, Summary};

use crate::{Broken, Fault};

/// Of sessions that are not there: some time in 2026.
const SOME_TIME: u64 = 1_777_629_600_000;

impl Broken {
    pub(crate) fn list_subkeys_broken(
        &mut self,
        project: &str,
        session: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<String>> {
        let mut page = self.store.list_subkeys(project, session, token, limit)?;
        match self.fault {
            Fault::ListsMain if token.is_none() => page.items.insert(0, "main".to_owned()),
            Fault::DropsSubpathPages => page.next = None,
            Fault::ListsBuried => {
                let buried = self.notes.under(&["buried", project, session]);
                page.items.extend(buried.into_iter().map(|(subpath, _)| subpath));
            }
            _ => {}
        }
        Ok(page)
    }

    pub(crate) fn list_sessions_broken(
        &mut self,
        project: &str,
        token: Option<&str>,
        limit: u32,
    ) -> Result<Page<Session>> {
        let mut page = self.store.list_sessions(project, token, limit)?;
        page.items.extend(self.made_up(project, &page.items));
        match self.fault {
            Fault::DropsSessionPages => page.next = None,
            Fault::FoldsListings => {
                let items = page.items.iter_mut();
                items.for_each(|session| session.session_id = session.session_id.to_lowercase());
            }
            _ => {}
        }
        page.items.iter_mut().for_each(|session| self.distort(project, session));
        Ok(page)
    }

    pub(crate) fn find_session_broken(&mut self, project: &str, session: &str) -> Result<Option<Session>> {
        let mut found = self.store.find_session(project, session)?;
        if self.is(Fault::FindsByPrefix) && found.is_none() {
            let all = self.store.list_sessions(project, None, 1_000)?.items;
            found = all.into_iter().find(|other| other.session_id.starts_with(session));
        }
        if let Some(found) = &mut found {
            self.distort(project, found);
        }
        Ok(found)
    }

    /// The sessions that a fault brings back.
    fn made_up(&self, project: &str, there: &[Session]) -> Vec<Session> {
        let noted = self.notes.under(&["sessions", project]).into_iter();
        let missing = noted.filter(|(noted, _)| !there.iter().any(|session| session.session_id == *noted));
        let sessions = missing.map(|(session_id, _)| Session {
            session_id,
            modified: SOME_TIME,
            last: 1,
            summary: None,
        });
        sessions.collect()
    }

    fn distort(&self, project: &str, session: &mut Session) {
        match self.fault {
            Fault::CountsOneTooMany => session.last += 1,
            Fault::CountsSeconds => session.modified /= 1_000,
            Fault::KeepsSummaries if session.summary.is_none() => {
                let noted = self.notes.under(&["summaries", project]);
                let of_it = noted.into_iter().find(|(noted, _)| *noted == session.session_id);
                session.summary = of_it.map(|(_, json)| Summary { through: 1, json });
            }
            _ => {}
        }
    }
}
