//! Listing and finding stored sessions, with summaries that are fresh, outdated or damaged.

use super::*;
use crate::session::fixture::{Projects, append, lines};
use crate::store::{Batch, Chain, MemoryStore, Summary};

fn titled(title: &str) -> String {
    format!("{{\"type\":\"custom-title\",\"customTitle\":\"{title}\"}}\n")
}

fn key(project: &str, session: &str) -> SessionKey {
    SessionKey::main(project, session).unwrap()
}

async fn store_with(sessions: &[(&str, &str)]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    for (project, session) in sessions {
        append(&*store, &key(project, session), titled(session)).await;
        // Listings order by time in milliseconds.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    store
}

fn summaries(rows: &[SessionRow]) -> Vec<String> {
    rows.iter().map(|row| row.info.clone().unwrap().summary).collect()
}

#[tokio::test]
async fn sessions_of_all_projects_are_listed_newest_first() {
    let store = store_with(&[("b", "first"), ("a", "second"), ("b", "third")]).await;
    let rows = list(store.clone(), None).await.unwrap();
    // None of them was stored with a summary: each was made from its transcript.
    assert_eq!(summaries(&rows), ["third", "second", "first"]);
    let rows = list(store, Some("a")).await.unwrap();
    assert_eq!(summaries(&rows), ["second"]);
}

#[tokio::test]
async fn a_stale_summary_is_made_anew_and_a_fresh_one_is_believed() {
    let store = Arc::new(MemoryStore::new());
    let mut fold = Fold::new();
    fold.fold(titled("from the summary").trim_end().as_bytes());
    let first = append(&*store, &key("a", "session"), titled("from the transcript")).await;
    let summary = |batch: &Batch| Summary {
        through: batch.number,
        json: fold.to_json(),
    };
    store
        .append(&key("a", "session"), &first, Some(&summary(&first)))
        .await
        .unwrap();
    assert_eq!(
        summaries(&list(store.clone(), None).await.unwrap()),
        ["from the summary"]
    );

    append(&*store, &key("a", "session"), titled("newer")).await;
    assert_eq!(summaries(&list(store, None).await.unwrap()), ["newer"]);
}

#[tokio::test]
async fn one_damaged_transcript_costs_its_own_row_only() {
    let store = store_with(&[("a", "good"), ("a", "bad")]).await;
    store.tamper(&key("a", "bad"), |batches| batches[0].payload = "{}\n".into());
    let rows = list(store, None).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].info.is_none() && rows[0].error.is_some());
    assert!(rows[1].info.is_some() && rows[1].error.is_none());
}

#[tokio::test]
async fn many_sessions_come_page_by_page() {
    let store = Arc::new(MemoryStore::new());
    for n in 0..2500 {
        let key = key("a", &format!("session-{n:05}"));
        let batch = Chain::start(&key).number_draft(crate::store::BatchDraft {
            kind: crate::store::Kind::Entries,
            origin: crate::store::Origin {
                writer: "w".into(),
                line: 1,
            },
            payload: "{}\n".into(),
        });
        store.append(&key, &batch, None).await.unwrap();
    }
    assert_eq!(list(store, None).await.unwrap().len(), 2500);
}

#[tokio::test]
async fn a_session_is_found_by_its_id_or_the_beginning_of_it() {
    let store = store_with(&[("a", "abc"), ("a", "abcd"), ("b", "xyz")]).await;
    let found = |id: &'static str| find(store.clone(), id, None);
    assert_eq!(found("abc").await.unwrap(), key("a", "abc"));
    assert_eq!(found("abcd").await.unwrap(), key("a", "abcd"));
    assert_eq!(found("x").await.unwrap(), key("b", "xyz"));
    assert!(matches!(found("nope").await.unwrap_err(), SessionError::NotFound { id } if id == "nope"));
    let SessionError::Ambiguous { candidates, .. } = found("ab").await.unwrap_err() else {
        panic!()
    };
    assert_eq!(candidates, [key("a", "abc"), key("a", "abcd")]);
}

#[tokio::test]
async fn the_same_id_in_two_projects_needs_the_project() {
    let store = store_with(&[("a", "id"), ("b", "id")]).await;
    let error = find(store.clone(), "id", None).await.unwrap_err();
    assert!(matches!(error, SessionError::Ambiguous { .. }), "{error}");
    assert_eq!(find(store, "id", Some("b")).await.unwrap(), key("b", "id"));
}

#[tokio::test]
async fn a_session_without_its_main_transcript_is_found_by_its_id() {
    let store = store_with(&[("a", "other")]).await;
    let agent = key("a", "lost").with_subpath("subagents/agent-1").unwrap();
    append(&*store, &agent, lines(0, 1)).await;
    assert_eq!(find(store, "lost", None).await.unwrap(), key("a", "lost"));
}

#[tokio::test]
async fn an_imported_session_is_listed_by_its_summary() {
    let projects = Projects::new();
    projects.write("project/session.jsonl", titled("imported"));
    let store = Arc::new(MemoryStore::new());
    projects.import(&store).await;
    assert_eq!(summaries(&list(store, None).await.unwrap()), ["imported"]);
}

/// An item that says how much memory it takes, and takes none.
#[derive(Clone, Debug)]
struct Large(usize);

impl ListedItem for Large {
    fn bytes(&self) -> Result<usize, StoreError> {
        Ok(self.0)
    }
}

#[tokio::test]
async fn a_listing_that_fills_the_memory_ends() {
    let mut page = 0u64;
    let mut listed = ListedSoFar::default();
    let pages = pages(&mut listed, async |_| {
        page += 1;
        Ok(Page {
            items: vec![Large(100 << 10); 1_000],
            next: Some(page.to_string()),
        })
    });
    let error = pages.await.unwrap_err();
    assert!(matches!(error, StoreError::Contract(_)), "{error}");
    assert!(listed.bytes <= MOST_BYTES + (100 << 10), "{listed:?}");
}

#[test]
fn a_summary_that_none_can_be_is_refused() {
    let session = |json: String| StoredSession {
        session_id: "id".into(),
        modified: 0,
        last: 1,
        summary: Some(Summary { through: 1, json }),
    };
    ListedSoFar::default()
        .add(&session("{".repeat(LARGEST_SUMMARY)))
        .unwrap();
    let error = ListedSoFar::default()
        .add(&session("{".repeat(LARGEST_SUMMARY + 1)))
        .unwrap_err();
    assert!(error.to_string().contains("summary"), "{error}");
}

#[tokio::test]
async fn a_listing_that_runs_in_a_circle_ends() {
    let mut listed = ListedSoFar::default();
    let pages = pages(&mut listed, async |_| {
        Ok(Page {
            items: vec![Large(0)],
            next: Some("same".into()),
        })
    });
    assert!(matches!(pages.await, Err(StoreError::Contract(_))));
}

#[tokio::test]
async fn a_listing_that_always_names_another_page_ends() {
    for items in [0, 100_000] {
        let (mut page, mut listed) = (0u64, ListedSoFar::default());
        let pages = pages(&mut listed, async |_| {
            page += 1;
            Ok(Page {
                items: vec![Large(0); items],
                next: Some(page.to_string()),
            })
        });
        assert!(matches!(pages.await, Err(StoreError::Contract(_))), "{items} a page");
    }
}
