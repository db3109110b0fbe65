//! Appends, loads and deletes, as the faults have it.

use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use mirrorbox_adapter::{Adapter as _, Batch, Error, Kind, Result, SessionKey, Summary};

use crate::copy::copy;
use crate::{Broken, Fault, ROOT, crash};

/// Between a look and a leap: long enough for the other to look, too.
const MOMENT: Duration = Duration::from_millis(50);

/// A payload that some faults cannot take.
const LARGE: usize = 1 << 20;

impl Broken {
    pub(crate) fn append_broken(
        &mut self,
        key: &SessionKey,
        mut batch: Batch,
        mut summary: Option<Summary>,
    ) -> Result<()> {
        self.crash();
        self.spoil(&mut batch)?;
        if let Some(answer) = self.refuses(key, &batch)? {
            return answer;
        }
        self.note(key, &batch, summary.as_ref())?;
        let is_stored = self.holds(key, &batch)?;
        if self.is(Fault::ForgetsSummaries) || self.is(Fault::ForgetsSummariesOfRetries) && is_stored {
            summary = None;
        }
        let was_free = self.number(key)? < batch.number;
        if self.is(Fault::LooksThenLeaps) {
            thread::sleep(MOMENT);
        }
        let number = batch.number;
        let stored = self.store_one(key, batch, summary.clone());
        match stored {
            Err(Error::Conflict) if self.is(Fault::AcceptsConflicts) => Ok(()),
            Err(Error::Conflict) if self.is(Fault::LooksThenLeaps) && was_free => Ok(()),
            Err(Error::Conflict) if self.is(Fault::KeepsSummariesOfConflicts) => {
                let there = self.store.load(key, number.saturating_sub(1), 1)?.into_iter().next();
                if let Some(there) = there {
                    self.store.append(key, there, summary)?;
                }
                Err(Error::Conflict)
            }
            stored => stored,
        }
    }

    #[expect(clippy::panic, reason = "what it is for")]
    fn crash(&self) {
        match self.fault {
            Fault::Panics => panic!("this adapter has no idea what to do"),
            Fault::Recurses => {
                eprintln!("{}", crash::recurse(0));
            }
            Fault::Hungry => crash::devour(),
            Fault::Exits => {
                eprintln!("that is enough");
                process::exit(1);
            }
            _ => {}
        }
    }

    fn spoil(&self, batch: &mut Batch) -> Result<()> {
        match self.fault {
            Fault::RefusesLarge if batch.payload.len() > LARGE => return Err(Error::Rejected("too large".into())),
            Fault::CutsLongPayloads if batch.payload.len() > LARGE => {
                batch.payload.pop();
            }
            Fault::EndsLines if batch.kind == Kind::Entries && !batch.payload.ends_with(b"\n") => {
                batch.payload.push(b'\n');
            }
            Fault::FoldsWriters => batch.writer = batch.writer.to_lowercase(),
            Fault::HidesNothing if batch.kind == Kind::Tombstone => batch.kind = Kind::Claim,
            _ => {}
        }
        Ok(())
    }

    /// The answer where a fault gives one instead of storing.
    fn refuses(&mut self, key: &SessionKey, batch: &Batch) -> Result<Option<Result<()>>> {
        let is_tombstone = batch.kind == Kind::Tombstone;
        let end = self.number(key)?;
        let before = self.tombstone(key)?;
        let conflict = match self.fault {
            Fault::Loses => return Ok(Some(Ok(()))),
            Fault::TakesLateBatches if before.is_some_and(|tombstone| batch.number < tombstone) => {
                return Ok(Some(Ok(())));
            }
            Fault::AnswersFirst => {
                let waited = self.waits.replace((key.clone(), batch.clone()));
                if let Some((key, batch)) = waited {
                    self.store.append(&key, batch, None)?;
                }
                return Ok(Some(Ok(())));
            }
            Fault::RefusesRetries => !self
                .notes
                .is_first(&format!("{key:?} {} {}", batch.number, batch.digest))?,
            Fault::CountsTombstones => is_tombstone && batch.number > end + 1,
            Fault::NeverRevives => !is_tombstone && before.is_some_and(|tombstone| tombstone < batch.number),
            _ => false,
        };
        Ok(conflict.then_some(Err(Error::Conflict)))
    }

    fn holds(&mut self, key: &SessionKey, batch: &Batch) -> Result<bool> {
        let there = self.store.load(key, batch.number.saturating_sub(1), 1)?;
        Ok(there.first().is_some_and(|there| there.digest == batch.digest))
    }

    fn store_one(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        if self.is(Fault::Spills) {
            self.store.append(&key.with_subpath("subagents"), batch.clone(), None)?;
        }
        if !self.is_careless() {
            return self.store.append(key, batch, summary);
        }
        self.first.append(key, batch, summary)?;
        self.copy()
    }

    fn is_careless(&self) -> bool {
        self.is(Fault::SyncsNothing) || self.is(Fault::SyncsNoFolder)
    }

    fn copy(&self) -> Result<()> {
        let root = Path::new(ROOT);
        copy(&root.join("first"), &root.join("store"), self.is(Fault::SyncsNoFolder))
    }

    /// Remembers what a fault brings back.
    fn note(&self, key: &SessionKey, batch: &Batch, summary: Option<&Summary>) -> Result<()> {
        let (project, session) = (key.project_key.as_str(), key.session_id.as_str());
        match (self.fault, &key.subpath) {
            (Fault::ListsBuried, Some(subpath)) if batch.kind == Kind::Tombstone => {
                self.notes.write(&["buried", project, session], subpath, "")
            }
            (Fault::ListsBuried, None) if batch.kind == Kind::Tombstone => {
                self.notes.write(&["sessions", project], session, "")
            }
            (Fault::ListsSubpathsOnly, Some(_)) => self.notes.write(&["sessions", project], session, ""),
            (Fault::KeepsSummaries, None) => match summary {
                Some(summary) => self.notes.write(&["summaries", project], session, &summary.json),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    pub(crate) fn load_broken(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let max_bytes = if self.is(Fault::IgnoresLimits) {
            u32::MAX
        } else {
            max_bytes
        };
        if self.is(Fault::FailsBeyondTheEnd) && after > 0 && after >= self.number(key)? {
            return Err(Error::Other("there is no such batch".to_owned()));
        }
        let mut page = self.store.load(key, after, max_bytes)?;
        match self.fault {
            Fault::Forgetful if !self.notes.is_first(&format!("load {key:?} {after}"))? => {
                page.iter_mut()
                    .for_each(|batch| batch.payload.truncate(batch.payload.len().saturating_sub(1)));
            }
            Fault::StopsAtHundred => page.retain(|batch| batch.number <= 100),
            Fault::HidesNothing => {
                let buried = page.iter_mut().filter(|batch| batch.kind == Kind::Claim);
                buried.for_each(|batch| batch.kind = Kind::Tombstone);
            }
            _ => {}
        }
        Ok(page)
    }

    pub(crate) fn delete_broken(&mut self, key: &SessionKey, tombstone: Batch) -> Result<()> {
        let end = self.number(key)?;
        match self.fault {
            Fault::DeletesNothing => return Ok(()),
            Fault::LeavesNoTrace if end == 0 => return Ok(()),
            Fault::RefusesSecondDeletes if end >= tombstone.number => return Err(Error::Conflict),
            Fault::CountsTombstones if tombstone.number > end + 1 => return Err(Error::Conflict),
            Fault::DeletesChildren => self.delete_children(key, &tombstone)?,
            _ => {}
        }
        if self.is_careless() {
            self.first.delete(key, tombstone)?;
            return self.copy();
        }
        match self.store.delete(key, tombstone) {
            Err(Error::Conflict) if self.is(Fault::AcceptsDeleteConflicts) => Ok(()),
            deleted => deleted,
        }
    }

    fn delete_children(&mut self, key: &SessionKey, tombstone: &Batch) -> Result<()> {
        let Some(parent) = &key.subpath else { return Ok(()) };
        let prefix = format!("{parent}/");
        let all = self
            .store
            .list_subkeys(&key.project_key, &key.session_id, None, 1_000)?;
        for child in all.items.into_iter().filter(|child| child.starts_with(&prefix)) {
            self.store.delete(&key.with_subpath(child), tombstone.clone())?;
        }
        Ok(())
    }
}
