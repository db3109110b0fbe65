//! The contract as a list of checks.

mod appending;
mod capabilities;
mod compaction;
mod deletion;
pub(crate) mod gaps;
mod keys;
mod listings;
mod loading;
mod payloads;
mod races;
mod sessions;
mod subkeys;
mod summaries;
mod tombstones;

use futures_util::future::LocalBoxFuture;
use mirrorbox::store::Capabilities;

use crate::expect::Verdict;
use crate::ground::Ground;

/// One sentence of the contract.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) needs: Needs,
    pub(crate) run: for<'a> fn(&'a Ground) -> LocalBoxFuture<'a, Verdict>,
}

/// Which capabilities a check uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needs {
    Nothing,
    Listing,
    Deletion,
    ListingAndDeletion,
    Compaction,
}

impl Needs {
    /// The first capability that is needed and not there.
    pub(crate) fn missing_from(self, can: Capabilities) -> Option<&'static str> {
        let needed = match self {
            Self::Nothing => vec![],
            Self::Listing => vec![("listing", can.listing)],
            Self::Deletion => vec![("deletion", can.deletion)],
            Self::ListingAndDeletion => vec![("listing", can.listing), ("deletion", can.deletion)],
            Self::Compaction => vec![("compaction", can.compaction)],
        };
        needed.into_iter().find(|(_, can)| !can).map(|(name, _)| name)
    }
}

/// `name, needs, function: rule` for each check.
macro_rules! checks {
    ($($name:literal, $needs:ident, $check:path: $rule:literal;)*) => {
        /// Every check, in the order of the contract's functions.
        pub(crate) const CHECKS: &[Check] = &[$(Check {
            name: $name,
            rule: $rule,
            needs: Needs::$needs,
            run: |ground| Box::pin($check(ground)),
        }),*];
    };
}

checks! {
    "capabilities-honest", Nothing, capabilities::are_honest:
        "what is not among the capabilities is `unsupported`, and what is among them is not";

    "append-load", Nothing, appending::is_loaded:
        "after an append, `load` returns the batch as it was, at its number, through every handle";
    "append-first", Nothing, appending::begins_a_stream:
        "an append to an empty stream makes it come into being, and no other stream";
    "append-retry", Nothing, appending::may_be_retried:
        "an append whose number holds a batch with the same digest succeeds and stores nothing twice";
    "append-conflict", Nothing, appending::conflicts:
        "an append whose number holds another digest is a `conflict`, and nothing changes";

    "summary-retry", Listing, summaries::survive_a_lost_first_try:
        "an append that is a retry stores its summary all the same";
    "summary-conflict", Listing, summaries::of_a_conflict_are_dropped:
        "an append that is a conflict does not store its summary";
    "summary-further", Listing, summaries::reach_ever_further:
        "a summary replaces the session's if it reaches further, and else does not";

    "load-after", Nothing, loading::begins_after:
        "`load` gives the batches after a number, in order; with a number at or beyond the end, an empty list";
    "load-pages", Nothing, loading::stops_at_the_limit:
        "`load` goes on until `max-bytes` of payload are reached, and gives at least one batch if there is any";
    "load-repeats", Nothing, loading::repeats_itself:
        "a retry of `load` gives the same batches, byte for byte";
    "load-many", Nothing, loading::of_many_batches:
        "however many batches there are, each is loaded once and in order";

    "payload-bytes", Nothing, payloads::are_opaque:
        "payloads are opaque bytes and come back exactly as they were";
    "payload-sizes", Nothing, payloads::of_any_size:
        "an adapter takes payloads of up to 128 MiB";
    "batch-fields", Nothing, payloads::keep_their_batch:
        "an adapter stores a batch's kind, writer, line and digest, whatever they say, and gives them back";

    "keys-apart", Nothing, keys::never_share_a_place:
        "parts of keys are opaque text, and two different keys never share a place in the backend";
    "keys-listed", Listing, keys::are_listed_as_they_are:
        "listings give parts of keys back as they were";

    "end", Nothing, loading::end_is_the_last_batch:
        "`end` is the last batch, or none where the key was never written";

    "subkeys", Nothing, subkeys::are_those_of_the_session:
        "`list-subkeys` gives the subpaths of one session, each once, without the main transcript";
    "subkeys-pages", Nothing, subkeys::come_in_pages:
        "`list-subkeys` gives `limit` subpaths a page at most, and all pages together give each once";
    "subkeys-tombstone", Nothing, tombstones::hide_subpaths:
        "a subpath that holds no more than a tombstone is not listed, until something comes after it";

    "tombstone-hides", Nothing, tombstones::hide_what_was_before:
        "the newest tombstone hides every batch before it from the moment its append succeeds";
    "tombstone-number", Nothing, tombstones::may_leave_numbers_out:
        "a tombstone may have any number greater than the end";
    "tombstone-late", Nothing, tombstones::stay_before_late_appends:
        "after a tombstone, an append at or before its number is a `conflict`";
    "tombstone-revival", Nothing, tombstones::let_streams_begin_anew:
        "after a tombstone, an append with a greater number starts the stream anew";

    "projects", Listing, listings::projects_are_those_with_sessions:
        "`list-projects` gives each project key that has sessions once";
    "sessions", Listing, sessions::are_listed_as_they_stand:
        "`list-sessions` gives the sessions of one project with their last number, each once";
    "sessions-subpath-only", Listing, sessions::without_a_main_transcript_are_none:
        "a session whose main transcript holds nothing is not listed";
    "sessions-pages", Listing, listings::sessions_come_in_pages:
        "`list-sessions` gives `limit` sessions a page at most, and all pages together give each once";
    "session-found", Listing, sessions::are_found_as_they_are_listed:
        "`find-session` gives what `list-sessions` shows, and none for an unknown session";
    "session-tombstone", Listing, tombstones::hide_sessions:
        "a session whose main transcript holds no more than a tombstone is neither listed nor found";
    "session-modified", Listing, sessions::are_modified_by_appends:
        "`modified` is in Unix milliseconds and never steps back";
    "session-isolated", Listing, sessions::of_two_projects_are_two:
        "the same session id in two projects is two sessions, and a subpath is no part of the main transcript";

    "delete", Deletion, deletion::leaves_the_tombstone:
        "`delete` appends the tombstone and removes every batch before it";
    "delete-session", ListingAndDeletion, deletion::removes_the_session:
        "`delete` removes the summary and the index entries";
    "delete-retry", Deletion, deletion::may_be_retried:
        "`delete` whose tombstone is stored already goes on and succeeds, and leaves what came after it";
    "delete-resumed", Deletion, deletion::goes_on_behind_an_append:
        "`delete` goes on where it was interrupted after the tombstone was stored";
    "delete-conflict", Deletion, deletion::conflicts:
        "`delete` whose number holds another digest is a `conflict`, and nothing is removed";
    "delete-first", Deletion, deletion::of_nothing_leaves_a_tombstone:
        "`delete` on an empty stream stores the tombstone as batch 1";
    "delete-one-key", Deletion, deletion::is_of_one_key:
        "`delete` is of one key: other subpaths, the main transcript and other sessions stay";

    "race-one-wins", Nothing, races::one_wins_a_number:
        "of two appends that want one number, exactly one succeeds and the other is a `conflict`";
    "race-same-batch", Nothing, races::the_same_batch_succeeds_twice:
        "of one append that is sent twice at once, both succeed, and it is stored once";
    "race-hosts", Nothing, races::two_hosts_share_a_stream:
        "two hosts that go on behind each other lose nothing and store nothing twice";
    "race-tombstone", Nothing, races::a_tombstone_takes_a_number:
        "of an append and a tombstone that want one number, exactly one succeeds";

    "race-delete", Deletion, races::a_delete_hides_what_lands_beside_it:
        "a tombstone hides every batch before it, whatever lands while it is stored";

    "compact", Compaction, compaction::changes_nothing_that_is_loaded:
        "nothing that `load` returns changes by `compact`, and a retry or an empty stream makes no difference";
}
