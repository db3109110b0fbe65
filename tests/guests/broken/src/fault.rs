use std::str::FromStr;

macro_rules! faults {
    ($($(#[$attribute:meta])* $fault:ident $name:literal)*) => {
        /// What is wrong with it. Each is asked for by the name beside it.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$attribute])* $fault,)*
        }

        impl FromStr for Fault {
            type Err = &'static str;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$fault),)*
                    _ => Err("no fault has this name"),
                }
            }
        }
    };
}

faults! {
    /// Nothing.
    #[default] None "none"

    /// Says that it can compact, and that it cannot.
    Boasts "boasts"
    /// Fails to compact.
    FailsToCompact "fails-to-compact"

    /// Says that a batch is stored, and stores nothing.
    Loses "loses"
    /// Stores each batch under a subpath, too.
    Spills "spills"
    /// Takes a batch that is stored already for a conflict.
    RefusesRetries "refuses-retries"
    /// Says that a conflict succeeded.
    AcceptsConflicts "accepts-conflicts"
    /// Looks whether a number is free, and takes it a moment later.
    LooksThenLeaps "looks-then-leaps"
    /// Loses the last byte of long payloads.
    CutsLongPayloads "cuts-long-payloads"
    /// Ends every payload with LF.
    EndsLines "ends-lines"
    /// Takes no more than a mebibyte.
    RefusesLarge "refuses-large"
    /// Writes writers in lower case.
    FoldsWriters "folds-writers"
    /// Writes session ids in lower case.
    FoldsSessions "folds-sessions"
    /// Answers before it has stored: what was answered last is stored with the next append.
    AnswersFirst "answers-first"
    /// Writes files without syncing anything.
    SyncsNothing "syncs-nothing"
    /// Syncs files, and no folder.
    SyncsNoFolder "syncs-no-folder"

    /// Stores no summary.
    ForgetsSummaries "forgets-summaries"
    /// Stores no summary with a batch that it has already.
    ForgetsSummariesOfRetries "forgets-summaries-of-retries"
    /// Stores the summary of a conflict.
    KeepsSummariesOfConflicts "keeps-summaries-of-conflicts"
    /// Shows the summary from before a delete.
    KeepsSummaries "keeps-summaries"

    /// Gives every batch, however little was asked for.
    IgnoresLimits "ignores-limits"
    /// Fails if a caller asks beyond the end.
    FailsBeyondTheEnd "fails-beyond-the-end"
    /// Gives a page whole the first time only; then each payload lacks a byte.
    Forgetful "forgetful"
    /// Gives no batch behind the hundredth.
    StopsAtHundred "stops-at-hundred"

    /// Sees no end where there is only a tombstone.
    OverlooksTombstones "overlooks-tombstones"
    /// Stores a tombstone as if it were any batch.
    HidesNothing "hides-nothing"
    /// Takes a tombstone only right behind the end.
    CountsTombstones "counts-tombstones"
    /// Takes a late batch before a tombstone.
    TakesLateBatches "takes-late-batches"
    /// Takes nothing behind a tombstone.
    NeverRevives "never-revives"

    /// Lists the main transcript among the subpaths.
    ListsMain "lists-main"
    /// Lists the first page of subpaths only.
    DropsSubpathPages "drops-subpath-pages"
    /// Lists what was buried.
    ListsBuried "lists-buried"
    /// Lists session ids in lower case.
    FoldsListings "folds-listings"
    /// Lists projects twice.
    DoublesProjects "doubles-projects"
    /// Counts one batch too many of a session.
    CountsOneTooMany "counts-one-too-many"
    /// Lists sessions that have nothing but subpaths.
    ListsSubpathsOnly "lists-subpaths-only"
    /// Lists the first page of sessions only.
    DropsSessionPages "drops-session-pages"
    /// Finds any session by the beginning of its id.
    FindsByPrefix "finds-by-prefix"
    /// Counts time in seconds.
    CountsSeconds "counts-seconds"

    /// Deletes nothing.
    DeletesNothing "deletes-nothing"
    /// Takes a second delete for a conflict.
    RefusesSecondDeletes "refuses-second-deletes"
    /// Says that a delete that is a conflict succeeded.
    AcceptsDeleteConflicts "accepts-delete-conflicts"
    /// Leaves no tombstone where nothing was.
    LeavesNoTrace "leaves-no-trace"
    /// Deletes what lies below a subpath, too.
    DeletesChildren "deletes-children"

    /// Panics when it appends.
    Panics "panics"
    /// Calls the host from its allocator, as a collector does.
    Collects "collects"
    /// Calls itself until the stack is full.
    Recurses "recurses"
    /// Takes memory until it gets no more.
    Hungry "hungry"
    /// Ends its process.
    Exits "exits"
}
