use futures_util::{StreamExt, stream};

use super::listing::KnownSession;
use super::reading::StreamReading;
use super::{Answer, SessionStore};
use crate::agent_format::lines_of;
use crate::block_on::block_on;
use crate::store::Summary;
use crate::summary::{Fold, KeyStyle};

/// How many sessions are looked at side by side.
const SIDE_BY_SIDE: usize = 16;

/// What is known of a session, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSummary {
    /// Its id.
    pub session: String,
    /// As [`super::SessionTime`] has it.
    pub modified: u64,
    /// The fold over its entries, a JSON object in the SDK's members.
    pub data: String,
}

impl SessionStore {
    /// What is known of each session of a project ([`SessionStore::list_sessions`]), in the members that the Python or
    /// the TypeScript SDK reads. A transcript is read where no summary reaches to its end.
    pub fn list_session_summaries(
        &self,
        project: &str,
        style: KeyStyle,
    ) -> impl Future<Output = Answer<Vec<ListedSummary>>> + Send + use<> {
        let project = project.to_owned();
        self.work(async move |this| {
            let known = this.known_sessions(&project).await?;
            let rows = stream::iter(known).map(|known| this.summarise(known, style));
            let rows: Vec<_> = rows.buffered(SIDE_BY_SIDE).collect().await;
            rows.into_iter().collect()
        })
    }

    /// [`SessionStore::list_session_summaries`] for callers without async.
    pub fn list_session_summaries_blocking(&self, project: &str, style: KeyStyle) -> Answer<Vec<ListedSummary>> {
        block_on(self.list_session_summaries(project, style))
    }

    async fn summarise(&self, known: KnownSession, style: KeyStyle) -> Answer<ListedSummary> {
        let fold = match fold_of(&known)? {
            Some(fold) => fold,
            None => {
                let mut reading = StreamReading::new(self.clone(), known.main.clone()).await?;
                let mut fold = Fold::new();
                while let Some(lines) = reading.next().await? {
                    lines_of(&lines).for_each(|line| fold.fold(line));
                }
                fold
            }
        };
        Ok(ListedSummary {
            session: known.main.session_id().to_owned(),
            modified: known.modified,
            data: fold.to_json_in(style),
        })
    }
}

/// The stored summary and what waits; none where the summary is missing, or reaches not to the end.
fn fold_of(known: &KnownSession) -> Answer<Option<Fold>> {
    let Some(stored) = &known.stored else { return Ok(None) };
    let is_whole = |summary: &&Summary| summary.through == stored.last;
    let summary = stored.summary.as_ref().filter(is_whole);
    let Some(mut fold) = summary.and_then(|summary| Fold::from_json(&summary.json).ok()) else {
        return Ok(None);
    };
    for (copy, first) in &known.waiting {
        let mut place = copy.look.find(*first)?;
        while let Some(chunk) = copy.look.read_before(place, copy.look.end())? {
            lines_of(&chunk.payload).for_each(|line| fold.fold(line));
            place = chunk.next;
        }
    }
    Ok(Some(fold))
}
