//! The checks against a store that keeps the contract.

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mirrorbox::store::{MemoryStore, Store};
    use mirrorbox_conformance::{Options, Outcome, check};

    #[tokio::test]
    async fn the_memory_store_keeps_the_contract_and_is_left_clean() {
        let store = Arc::new(MemoryStore::new());
        let report = check([store.clone(), store.clone()], &Options::default()).await;
        assert!(report.passed(), "{report}");
        assert!(report.detects_gaps);
        let skipped = report
            .checks
            .iter()
            .filter(|checked| matches!(checked.outcome, Outcome::Skipped(_)));
        assert_eq!(skipped.map(|checked| checked.name).collect::<Vec<_>>(), ["compact"]);
        let left = store.list_projects(None, 100).await.unwrap().items;
        assert!(left.is_empty(), "{left:?}");
    }

    #[tokio::test]
    async fn a_second_run_with_the_same_seed_meets_nothing_of_the_first() {
        let store = Arc::new(MemoryStore::new());
        for _ in 0..2 {
            let report = check([store.clone(), store.clone()], &Options::default()).await;
            assert!(report.passed(), "{report}");
        }
    }
}
