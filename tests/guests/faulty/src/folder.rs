//! Reads the orders of a test about what goes wrong, and stores as the fs adapter does.

use std::path::PathBuf;

use mirrorbox_adapter::{Adapter as _, Batch, Error, Position, Result, SessionKey, Summary};
use mirrorbox_adapter_fs::Fs;

use crate::Fault;
use crate::journal::Call;
use crate::orders::{self, When};

/// A granted folder that says what goes wrong, and keeps what is stored.
///
/// ```text
/// orders   a line each: OPERATION WHEN FAULT [TIMES], as in `append after unavailable 3`; no file: all works
/// taken/   which of an order's times are used up; empty it when the orders change
/// calls/   if it is there: a file for each call, see the journal
/// store/   what was stored, as the fs adapter stores it
/// ```
///
/// `OPERATION` is `append`, `load`, `end` or `any`. `WHEN` is `before` the work, `after` it (what was asked is done,
/// and the answer is lost), or, of an append, `later`: the batch is put aside, and stored when the next append of its
/// stream arrives. The first order that fits and has times left counts; one without times is for ever.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    store: Fs,
    late: Vec<(SessionKey, Batch)>,
}

impl Folder {
    /// Opens a folder that exists.
    pub fn at(root: PathBuf) -> Result<Self> {
        let store = root.join("store");
        std::fs::create_dir_all(&store).map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self {
            store: Fs::at(store)?,
            root,
            late: Vec::new(),
        })
    }

    pub(crate) fn append(&mut self, key: &SessionKey, batch: Batch, summary: Option<Summary>) -> Result<()> {
        let mut call = Call::begin(&self.root, "append", key);
        let order = orders::take(&self.root, "append")?;
        self.land_late(key);
        match order {
            Some((When::Later, fault)) => {
                self.late.push((key.clone(), batch));
                call.commit(fault)
            }
            order => {
                call.commit_if(order, When::Before)?;
                self.store.append(key, batch, summary)?;
                call.commit_if(order, When::After)
            }
        }?;
        call.end();
        Ok(())
    }

    /// What was put aside takes its place, if that is free.
    fn land_late(&mut self, key: &SessionKey) {
        let (late, others) = self.late.drain(..).partition(|(of, _)| of == key);
        self.late = others;
        for (key, batch) in Vec::from_iter::<Vec<_>>(late) {
            // Where another batch came first, nothing of it is left: its caller was told that it failed.
            let _ = self.store.append(&key, batch, None);
        }
    }

    pub(crate) fn load(&mut self, key: &SessionKey, after: u64, max_bytes: u32) -> Result<Vec<Batch>> {
        let mut call = Call::begin(&self.root, "load", key);
        let order = orders::take(&self.root, "load")?;
        call.commit_if(order, When::Before)?;
        let mut batches = self.store.load(key, after, max_bytes)?;
        call.commit_if(order, When::After)?;
        match order {
            Some((_, Fault::Disorder)) => batches.reverse(),
            Some((_, Fault::Empty)) => batches.clear(),
            Some((_, Fault::BadDigest)) => batches.iter_mut().for_each(|batch| batch.digest = "no digest".into()),
            _ => {}
        }
        call.end();
        Ok(batches)
    }

    pub(crate) fn end(&mut self, key: &SessionKey) -> Result<Option<Position>> {
        let mut call = Call::begin(&self.root, "end", key);
        let order = orders::take(&self.root, "end")?;
        call.commit_if(order, When::Before)?;
        let end = self.store.end(key)?;
        call.commit_if(order, When::After)?;
        call.end();
        Ok(match (order, end) {
            (Some((_, Fault::Empty)), _) => None,
            (Some((_, Fault::Ahead)), Some(end)) => Some(Position {
                number: end.number + 1,
                ..end
            }),
            (Some((_, Fault::BadDigest)), Some(end)) => Some(Position {
                digest: "no digest".into(),
                ..end
            }),
            (_, end) => end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorbox_adapter::Kind;

    fn batch(number: u64, digest: char) -> Batch {
        Batch {
            number,
            kind: Kind::Entries,
            writer: "writer".into(),
            line: number,
            digest: String::from_iter([digest; 64]),
            payload: b"{}\n".to_vec(),
        }
    }

    /// A folder with these orders, and a stream.
    fn ordered(orders: &str) -> (tempfile::TempDir, Folder, SessionKey) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("orders"), orders).unwrap();
        let folder = Folder::at(dir.path().to_owned()).unwrap();
        (dir, folder, SessionKey::main("project", "session"))
    }

    fn number(folder: &mut Folder, key: &SessionKey) -> u64 {
        folder.end(key).unwrap().map_or(0, |end| end.number)
    }

    #[test]
    fn an_order_counts_so_many_times_and_the_next_one_then() {
        let (_dir, mut folder, key) = ordered("append before unavailable 2\nappend after throttled 1\n");
        for _ in 0..2 {
            let failed = folder.append(&key, batch(1, 'a'), None);
            assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        }
        assert_eq!(number(&mut folder, &key), 0, "nothing landed");
        let failed = folder.append(&key, batch(1, 'a'), None);
        assert!(matches!(failed, Err(Error::Throttled(_))), "{failed:?}");
        assert_eq!(number(&mut folder, &key), 1, "it landed");
        folder.append(&key, batch(2, 'b'), None).unwrap();
    }

    #[test]
    fn what_is_late_lands_before_the_next() {
        let (_dir, mut folder, key) = ordered("append later unavailable 1\n");
        folder.append(&key, batch(1, 'a'), None).unwrap_err();
        assert_eq!(number(&mut folder, &key), 0);
        assert_eq!(folder.append(&key, batch(1, 'b'), None), Err(Error::Conflict));
        assert_eq!(folder.load(&key, 0, 1 << 20).unwrap(), [batch(1, 'a')]);
    }

    #[test]
    fn lies_are_told_of_what_is_there() {
        let (dir, mut folder, key) = ordered("");
        for number in 1..=2 {
            folder.append(&key, batch(number, 'a'), None).unwrap();
        }
        std::fs::write(dir.path().join("orders"), "end after ahead\nload after disorder\n").unwrap();
        assert_eq!(number(&mut folder, &key), 3);
        let numbers = folder.load(&key, 0, 1 << 20).unwrap().into_iter().map(|b| b.number);
        assert_eq!(numbers.collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn an_order_that_is_none_is_told() {
        let (_dir, mut folder, key) = ordered("append sometimes unavailable");
        assert!(matches!(folder.end(&key), Err(Error::Misconfigured(_))));
    }
}
