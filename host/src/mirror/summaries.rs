use crate::store::{Batch, Kind, Summary};
use crate::summary::Fold;

/// The summary of a main transcript, batch by batch, as the log goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Summaries {
    fold: Fold,
    /// The last batch that is folded in; none where one was missed.
    through: Option<u64>,
}

impl Summaries {
    /// Before the first batch of a log.
    pub(super) fn start() -> Self {
        Self {
            fold: Fold::new(),
            through: Some(0),
        }
    }

    /// As another process stored it; `None` if it cannot be read: it is made from the log then.
    pub(super) fn stored(summary: &Summary) -> Option<Self> {
        Some(Self {
            fold: Fold::from_json(&summary.json).ok()?,
            through: Some(summary.through),
        })
    }

    /// Whether it is the summary of a log that ends with this number.
    pub(super) fn reaches(&self, number: u64) -> bool {
        self.through == Some(number)
    }

    /// Folds the next batch in. One that does not follow spoils it: it must be made anew.
    pub(super) fn take(&mut self, batch: &Batch) {
        match batch.kind {
            Kind::Tombstone => *self = Self::start(),
            Kind::Entries | Kind::Claim if self.through.is_none_or(|through| through + 1 != batch.number) => {
                self.through = None;
                return;
            }
            Kind::Entries | Kind::Claim => {}
        }
        let lines = batch.payload.split_inclusive(|byte| *byte == b'\n');
        lines.for_each(|line| self.fold.fold(line));
        self.through = Some(batch.number);
    }

    /// What goes with the batch that it reaches to.
    pub(super) fn to_stored(&self) -> Option<Summary> {
        Some(Summary {
            through: self.through?,
            json: self.fold.to_json(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SessionKey;
    use crate::store::{BatchDraft, Chain, Origin};

    fn batches() -> Vec<Batch> {
        let mut chain = Chain::start(&SessionKey::main("p", "s").unwrap());
        let draft = |kind, line, payload: &'static str| BatchDraft {
            kind,
            origin: Origin {
                writer: "w".into(),
                line,
            },
            payload: payload.into(),
        };
        vec![
            chain.next(draft(Kind::Entries, 1, "{\"type\":\"summary\",\"summary\":\"one\"}\n")),
            chain.next(draft(Kind::Claim, 2, "")),
            chain.next(draft(
                Kind::Entries,
                2,
                "{\"type\":\"custom-title\",\"customTitle\":\"two\"}\n",
            )),
        ]
    }

    #[test]
    fn folding_on_from_what_was_stored_is_folding_all() {
        let mut all = Summaries::start();
        for batch in batches() {
            let mut on = Summaries::stored(&all.to_stored().unwrap()).unwrap();
            all.take(&batch);
            on.take(&batch);
            assert_eq!(on.to_stored(), all.to_stored());
            assert!(all.reaches(batch.number));
        }
        assert!(all.to_stored().unwrap().json.contains("two"));
    }

    #[test]
    fn a_missed_batch_spoils_it() {
        let mut summaries = Summaries::start();
        summaries.take(&batches()[1]);
        assert_eq!(summaries.to_stored(), None);
    }

    #[test]
    fn a_tombstone_begins_anew() {
        let mut summaries = Summaries::start();
        summaries.take(&batches()[0]);
        let mut chain = Chain::start(&SessionKey::main("p", "s").unwrap());
        chain.advance(&batches()[2]);
        let origin = Origin {
            writer: "x".into(),
            line: 1,
        };
        let tombstone = chain.next(BatchDraft {
            kind: Kind::Tombstone,
            origin,
            payload: "".into(),
        });
        summaries.take(&tombstone);
        assert_eq!(
            summaries.to_stored(),
            Some(Summary {
                through: 4,
                json: "{}".into()
            })
        );
    }
}
