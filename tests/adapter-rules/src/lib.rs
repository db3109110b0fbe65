//! The rules of `wit/adapter.wit`, as tests of an adapter's native build.
//!
//! ```ignore
//! mirrorbox_adapter_rules::tests!(server(), Server::adapter);
//! ```
//!
//! makes a `#[test]` of each rule. The first expression gives the server, kept until the rule is through; the second
//! opens one more instance on it, as often as the rule wants one. Each rule works in projects of its own, so all can
//! share a server.

pub mod appending;
pub mod listing;
pub mod page;
pub mod reading;
pub mod streams;
pub mod tombstones;

/// Makes a test of each rule for the adapter that an expression opens.
#[macro_export]
macro_rules! tests {
    ($server:expr, $open:expr) => {
        $crate::tests!(@module appending $server, $open; stored_bytes_come_back hostile_keys_stay_apart a_retry_succeeds
            a_conflict_changes_nothing a_gap_changes_nothing the_furthest_summary_counts a_claim_is_stored
            every_number_has_one_winner modified_never_falls);
        $crate::tests!(@module reading $server, $open; pages_hold_what_was_asked_for an_unknown_stream_is_empty
            many_small_batches_come_in_order a_large_payload_comes_back);
        $crate::tests!(@module tombstones $server, $open; a_tombstone_hides_what_was_before numbers_before_it_are_taken
            a_delete_can_be_retried a_late_delete_is_a_conflict a_session_starts_anew an_empty_stream_can_be_deleted
            a_tombstone_may_leave_a_gap deleting_one_stream_leaves_the_others a_delete_goes_on_after_an_append
            appends_and_deletes_race_and_no_session_is_lost);
        $crate::tests!(@module listing $server, $open; sessions_are_paged projects_are_paged subpaths_are_paged
            a_session_is_found what_was_deleted_is_not_listed);
    };
    (@module $module:ident $server:expr, $open:expr; $($rule:ident)*) => {
        mod $module {
            use super::*;
            $(
                #[test]
                fn $rule() {
                    let server = $server;
                    $crate::$module::$rule(|| $open(&server));
                }
            )*
        }
    };
}
