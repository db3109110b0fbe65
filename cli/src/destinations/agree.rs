//! Which destination answers for a session that several hold. A chain of digests says that nothing is missing or out of
//! order; it does not say who wrote it. So what the others hold is asked, too.

use std::sync::Arc;

use mirrorbox::host::Destination;
use mirrorbox::key::SessionKey;
use mirrorbox::session::{self, Between, BetweenReport, BetweenState};
use mirrorbox::spool::{Spool, StreamLook};
use mirrorbox::store::Store;

use super::{Answer, Destinations, warn};
use crate::error::CliError;
use crate::output::{count, say};

/// How two destinations stand to each other.
#[derive(Debug, Default, PartialEq, Eq)]
struct Comparison {
    /// Lines that only the first holds,
    only_first: u64,
    /// and only the second.
    only_second: u64,
    /// Where they hold different lines, for people.
    differs: Option<String>,
    /// What could not be compared, for people.
    failed: Option<String>,
}

impl Destinations {
    /// The same answer from the destination that reaches furthest: the one that holds every line that another does.
    /// Reads each of them whole.
    ///
    /// Fails where two differ in a writer's lines, or each lacks some of the other's: nobody but the user can say which
    /// is to be believed. One that was asked for by name is, unasked.
    pub(crate) async fn agreed(&self, found: Answer<SessionKey>) -> Result<Answer<SessionKey>, CliError> {
        let best = self.furthest(&found.name, Some(vec![found.value.clone()])).await?;
        Ok(Answer {
            name: best.name().to_owned(),
            store: best.store()?,
            value: found.value,
        })
    }

    /// The destination that reaches furthest, of all sessions or of some ([`Destinations::agreed`]); `first`, where
    /// none reaches further. One that a session on this machine goes on from answers for it, even where
    /// another reaches further.
    pub(crate) async fn furthest(
        &self,
        first: &str,
        sessions: Option<Vec<SessionKey>>,
    ) -> Result<&Destination, CliError> {
        let base = match &sessions {
            Some(sessions) => self.base(sessions).await,
            None => None,
        };
        let mut best = base.map_or_else(|| self.named(first), Ok)?;
        let takes = |other: &Destination| {
            let all_taken = |keys: &Vec<SessionKey>| keys.iter().all(|key| other.takes(key.project_key()));
            sessions.as_ref().is_none_or(all_taken)
        };
        for other in self.each() {
            if other.name() == best.name() || !takes(other) {
                continue;
            }
            let store = match other.store() {
                Ok(store) => store,
                Err(error) => {
                    warn(
                        other.name(),
                        format_args!("is not compared with `{}`: {error}", best.name()),
                    );
                    continue;
                }
            };
            let standing = compared(best, other, store, sessions.clone()).await?;
            if !standing.is_second_further(best.name(), other.name())? {
                // Else it would be taken unasked because it sorts first.
                if base.is_none() && standing.only_first > 0 {
                    say_who_answers(best.name(), standing.only_first, other.name());
                }
                continue;
            }
            if base.is_some() {
                let (answers, other_name) = (best.name(), other.name());
                let more = count(standing.only_second, "line", "lines");
                say(format_args!(
                    "the answer is from `{answers}`, which this machine goes on from; `{other_name}` holds {more} that \
                     `{answers}` lacks: --from {other_name} takes them, too"
                ));
            } else {
                say_who_answers(other.name(), standing.only_second, best.name());
                best = other;
            }
        }
        Ok(best)
    }

    /// The destination that this machine's own copy of these sessions goes on from, if it holds them.
    async fn base(&self, sessions: &[SessionKey]) -> Option<&Destination> {
        let spools = match Spool::look(&self.state) {
            Ok(spools) => spools,
            Err(error) => {
                say(format_args!(
                    "warning: which destination comes first is not known: {error}"
                ));
                return None;
            }
        };
        // What cannot be read has no base to tell of; `status` names it.
        let streams = spools.iter().flat_map(|spool| spool.as_far_as_readable().0);
        let bases = streams
            .filter(|stream| sessions.contains(stream.key()))
            .map(StreamLook::base);
        let newest = bases
            .filter(|base| base.stored.is_some())
            .max_by_key(|base| base.lines)?;
        let name = &newest.stored.as_ref()?.destination;
        let base = self.each().iter().find(|destination| destination.name() == name)?;
        // One that does not open, or lacks them, cannot answer: that is said where it is compared.
        let store = base.store().ok()?;
        for key in sessions {
            let found = session::find(store.clone(), key.session_id(), Some(key.project_key())).await;
            found.ok()?;
        }
        Some(base)
    }
}

/// How what two destinations hold of all sessions, or of some, stands to each other. Reads both whole.
async fn compared(
    first: &Destination,
    second: &Destination,
    second_store: Arc<dyn Store>,
    sessions: Option<Vec<SessionKey>>,
) -> Result<Comparison, CliError> {
    let what = Between {
        sessions,
        taken_by: [first, second].map(|one| one.config().manifest.mirror.clone()).into(),
    };
    Ok(
        match session::compare(first.store()?, second_store, &what, session::silent()).await {
            Ok(report) => Comparison::of(&report),
            Err(error) => Comparison {
                failed: Some(error.to_string()),
                ..Comparison::default()
            },
        },
    )
}

/// Of two that do not contradict each other, the one that holds more is taken; the user may think otherwise of it.
fn say_who_answers(name: &str, more: u64, other: &str) {
    let more = count(more, "line", "lines");
    say(format_args!(
        "the answer is from `{name}`, which holds {more} that `{other}` lacks"
    ));
}

impl Comparison {
    fn of(report: &BetweenReport) -> Self {
        let mut standing = Self::default();
        for row in &report.streams {
            match &row.state {
                BetweenState::Different {
                    only_first,
                    only_second,
                    differs,
                } => {
                    standing.only_first += only_first;
                    standing.only_second += only_second;
                    if let (Some((writer, line)), None) = (differs, &standing.differs) {
                        standing.differs = Some(format!("{} at line {line} of writer {writer}", row.stream));
                    }
                }
                BetweenState::Failed { error } => {
                    standing
                        .failed
                        .get_or_insert_with(|| format!("{}: {error}", row.stream));
                }
                // What was deleted at one of them is on its way out at the other.
                _ => {}
            }
        }
        standing
    }

    /// Whether the second holds everything that the first does, and more. Tells the user what is not the same.
    fn is_second_further(&self, first: &str, second: &str) -> Result<bool, CliError> {
        let refused = |what: String| {
            Err(CliError::failed(what).advise(
                "say with --from which one is to be believed; `mirrorbox verify --between` shows each difference",
            ))
        };
        if let Some(place) = &self.differs {
            return refused(format!("`{first}` and `{second}` hold different lines: {place}"));
        }
        if self.only_first > 0 && self.only_second > 0 {
            return refused(format!(
                "`{first}` and `{second}` each lack lines that the other holds: {} and {}",
                self.only_second, self.only_first
            ));
        }
        if let Some(problem) = &self.failed {
            warn(second, format_args!("cannot be compared with `{first}`: {problem}"));
            return Ok(false);
        }
        Ok(self.only_second > 0)
    }
}

#[cfg(test)]
mod tests {
    use mirrorbox::session::StreamBetween;

    use super::*;

    fn standing(states: impl IntoIterator<Item = BetweenState>) -> Comparison {
        let row = |state| StreamBetween {
            stream: SessionKey::main("p", "s").unwrap(),
            state,
        };
        Comparison::of(&BetweenReport {
            streams: states.into_iter().map(row).collect(),
            ..BetweenReport::default()
        })
    }

    fn different(only_first: u64, only_second: u64, differs: Option<(String, u64)>) -> BetweenState {
        BetweenState::Different {
            only_first,
            only_second,
            differs,
        }
    }

    #[test]
    fn who_holds_everything_and_more_answers() {
        let further = |states: Vec<BetweenState>| standing(states).is_second_further("a", "b");
        assert!(!further(vec![BetweenState::Same, BetweenState::SameLines { elsewhere: 2 }]).unwrap());
        assert!(further(vec![BetweenState::Same, different(0, 2, None)]).unwrap());
        assert!(!further(vec![different(2, 0, None), BetweenState::DeletedAtSecond]).unwrap());
        let failed = BetweenState::Failed { error: "away".into() };
        assert!(!further(vec![failed, different(0, 2, None)]).unwrap());
    }

    #[test]
    fn where_they_differ_nobody_answers() {
        let refused = |state: BetweenState| {
            let error = standing([state]).is_second_further("a", "b").unwrap_err();
            error.to_string()
        };
        let forged = refused(different(1, 1, Some(("w".into(), 7))));
        assert!(
            forged.contains("p/s at line 7 of writer w") && forged.contains("--from"),
            "{forged}"
        );
        let apart = refused(different(1, 2, None));
        assert!(apart.contains("each lack lines"), "{apart}");
    }
}
