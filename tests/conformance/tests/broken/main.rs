//! Stores that break one rule each fail the check that names it.

#[cfg(test)]
mod store;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mirrorbox_conformance::{Options, check};

    use super::store::{Breakage, Broken};

    /// A breakage, the check that names the rule, and the checks that meet it on their own ways.
    const BREAKAGES: &[(Breakage, &str, &[&str])] = &[
        (
            Breakage::AcceptsConflicts,
            "append-conflict",
            &[
                "delete-session",
                "race-hosts",
                "race-one-wins",
                "race-tombstone",
                "summary-conflict",
                "tombstone-late",
            ],
        ),
        (
            Breakage::RefusesRetries,
            "append-retry",
            &[
                "delete-resumed",
                "delete-retry",
                "race-same-batch",
                "summary-further",
                "summary-retry",
                "tombstone-revival",
            ],
        ),
        (
            Breakage::LooksBeforeItLeaps,
            "race-one-wins",
            &["race-hosts", "race-tombstone"],
        ),
        (
            Breakage::ForgetsSummaries,
            "summary-further",
            &["session-isolated", "sessions", "summary-conflict", "summary-retry"],
        ),
        (Breakage::ForgetsSummariesOfRetries, "summary-retry", &[]),
        (Breakage::StoresSummariesFirst, "summary-conflict", &["delete-session"]),
        (Breakage::LetsTheLastSummaryWin, "summary-further", &["delete-session"]),
        (Breakage::CutsLongPayloads, "payload-sizes", &[]),
        (Breakage::EndsLines, "payload-bytes", &["load-pages", "payload-sizes"]),
        (Breakage::RefusesLargePayloads, "payload-sizes", &[]),
        (Breakage::FoldsWriters, "batch-fields", &[]),
        (Breakage::JoinsKeys, "keys-apart", &["keys-listed"]),
        (Breakage::FoldsSessions, "keys-apart", &["keys-listed", "session-found"]),
        (Breakage::IgnoresLimits, "load-pages", &[]),
        (Breakage::WaitsForRoom, "load-pages", &["payload-sizes"]),
        (Breakage::FailsBeyondTheEnd, "load-after", &[]),
        (Breakage::LosesBatchesBehindTheHundredth, "load-many", &[]),
        (
            Breakage::OverlooksTombstones,
            "end",
            &[
                "batch-fields",
                "capabilities-honest",
                "delete",
                "delete-first",
                "delete-one-key",
                "delete-resumed",
                "delete-retry",
                "race-delete",
                "race-tombstone",
                "tombstone-hides",
                "tombstone-late",
                "tombstone-number",
            ],
        ),
        (
            Breakage::ShowsWhatIsHidden,
            "tombstone-hides",
            &[
                "batch-fields",
                "capabilities-honest",
                "delete",
                "delete-conflict",
                "delete-one-key",
                "delete-resumed",
                "delete-retry",
                "end",
                "load-pages",
                "race-delete",
                "race-tombstone",
                "tombstone-late",
                "tombstone-number",
                "tombstone-revival",
            ],
        ),
        (
            Breakage::TakesLateBatches,
            "tombstone-late",
            &["delete-conflict", "delete-session"],
        ),
        (Breakage::CountsTombstones, "tombstone-number", &["race-delete"]),
        (
            Breakage::NeverRevives,
            "tombstone-revival",
            &[
                "batch-fields",
                "delete",
                "delete-conflict",
                "delete-retry",
                "delete-session",
                "session-tombstone",
                "subkeys-tombstone",
                "tombstone-number",
            ],
        ),
        (Breakage::DropsLaterPages, "subkeys-pages", &["keys-listed"]),
        (Breakage::OverfillsPages, "subkeys-pages", &["keys-listed"]),
        (
            Breakage::ListsTombstones,
            "subkeys-tombstone",
            &["keys-listed", "subkeys-pages"],
        ),
        (Breakage::DoublesProjects, "projects", &[]),
        (Breakage::DoublesSessions, "sessions-pages", &[]),
        (Breakage::CountsSeconds, "session-modified", &[]),
        (Breakage::FindsByPrefix, "session-found", &[]),
        (Breakage::KeepsSummaries, "delete-session", &[]),
        (Breakage::DeletesChildren, "delete-one-key", &[]),
        (Breakage::RefusesSecondDeletes, "delete-retry", &["delete-resumed"]),
        (Breakage::DeletesAnyway, "delete-conflict", &[]),
        (Breakage::BoastsOfCompaction, "capabilities-honest", &["compact"]),
        (Breakage::HidesListing, "capabilities-honest", &[]),
    ];

    #[tokio::test]
    async fn a_broken_rule_fails_its_check_and_no_other() {
        for (breakage, rule, others) in BREAKAGES {
            let store = Arc::new(Broken::new(*breakage));
            let report = check([store.clone(), store], &Options::default()).await;
            let mut failed: Vec<_> = report.failed().map(|checked| checked.name).collect();
            let mut expected = [&[*rule], *others].concat();
            failed.sort_unstable();
            expected.sort_unstable();
            assert_eq!(failed, expected, "{breakage:?}: {report}");
        }
    }
}
