//! The task of one name in the adapter directory: opens, replaces, closes and retries the adapter there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::adapter_directory::Directory;
use super::candidate::{Candidate, Files, Problem, stamps};
use super::{AdapterChange, Good, LastGood, Named};
use crate::adapter::Compiled;
use crate::backoff::{Backoff, PARKED};
use crate::config::directory::{Found, is_destination_name};
use crate::config::lock::Approvals;
use crate::config::network::Refusal;
use crate::host::HostError;
use crate::mirror::DestinationOptions;

/// One name in the adapter directory: what is open there, and what becomes of every change.
#[derive(Debug)]
pub(super) struct Slot {
    directory: Arc<Directory>,
    name: String,
    found: watch::Receiver<Found>,
    open: Option<OpenAdapter>,
    /// The mirror knows it: its streams are kept until they are there.
    is_destination: bool,
    /// Its component is gone, and that was told.
    is_removed: bool,
    /// The host has just started: instead of a bad file, the last good one does.
    at_start: bool,
    /// The files that the manifest names, as they were when they were last read.
    files: Files,
    /// What is wrong, as it was told last.
    told: Option<String>,
    backoff: Backoff,
}

/// What is open. The mirror and running calls hold the adapter too: once replaced, it ends with the last of them.
#[derive(Debug)]
struct OpenAdapter {
    good: Good,
    /// What it is refused from now on.
    refused: broadcast::Receiver<Refusal>,
    files: Files,
    is_fallback: bool,
}

impl Slot {
    pub(super) fn new(directory: Arc<Directory>, name: &str, found: watch::Receiver<Found>) -> Self {
        directory.board.found(name);
        Self {
            directory,
            name: name.to_owned(),
            found,
            open: None,
            is_destination: false,
            is_removed: false,
            at_start: false,
            files: Files::new(),
            told: None,
            backoff: Backoff::default(),
        }
    }

    /// What stands in the directory when a host starts is a destination from the first moment, whatever is wrong with
    /// it: its streams wait until it is mended. Where neither this manifest nor the last good one can be read, it
    /// takes every project's. Returns whether there is something to open. Blocks for the disk.
    pub(super) fn take_part_at_start(&mut self) -> Result<bool, HostError> {
        self.at_start = true;
        let found = self.found.borrow().clone();
        let candidate = match Candidate::of(&self.directory, &self.name, &found) {
            Ok(candidate) => Ok(Some(candidate)),
            Err(_) => kept(&self.directory, &self.name, &found).map(|kept| kept.map(|(_, candidate)| candidate)),
        };
        if self.directory.taken.contains(&self.name) || !is_destination_name(&self.name) {
            return Ok(false);
        }
        // What is wrong is reported when it is to be opened.
        let candidate = candidate.ok().flatten();
        let options = candidate
            .as_ref()
            .map_or_else(DestinationOptions::default, Candidate::options);
        let mirror = &self.directory.mirror;
        mirror.add_destination(&self.name, options).map_err(HostError::Mirror)?;
        let state = &self.directory.state;
        Named::of(state)
            .remember(&self.name)
            .map_err(|source| HostError::Names {
                path: state.clone(),
                source,
            })?;
        self.is_destination = true;
        Ok(candidate.is_some())
    }

    /// Until the host ends, or there is nothing under the name and never was anything of use.
    pub(super) async fn run(mut self) {
        loop {
            let found = self.found.borrow_and_update().clone();
            let again = self.take(&found).await;
            self.at_start = false;
            if found == Found::default() && !self.is_destination {
                self.directory.board.forget(&self.name);
                self.directory.release(&self.name);
                return;
            }
            if !self.wait(again).await {
                return;
            }
        }
    }

    /// Takes over what stands in the directory, as far as it is of use; when to try again.
    async fn take(&mut self, found: &Found) -> Option<Duration> {
        if !found.has_component() && self.is_destination {
            self.remove();
            return None;
        }
        self.is_removed = false;
        match self.change(found).await {
            Ok(()) => {
                self.told = None;
                self.backoff.succeed();
                None
            }
            Err(problem) => self.refuse(found, problem).await,
        }
    }

    async fn change(&mut self, found: &Found) -> Result<(), Problem> {
        if self.directory.taken.contains(&self.name) {
            return Err(Problem::of_file(
                "another destination of this host has that name; call the component otherwise",
            ));
        }
        let approvals = self.directory.approvals.iter().map(Approvals::path).collect();
        let (candidate, approvals) = {
            let (directory, name, found) = (self.directory.clone(), self.name.clone(), found.clone());
            let read = move || Candidate::of(&directory, &name, &found).map(|candidate| (candidate, stamps(approvals)));
            blocking(read).await??
        };
        let files = candidate.files.clone();
        // What does not open may have to be approved.
        self.files = files.iter().cloned().chain(approvals).collect();
        let compiled = candidate.compile(&self.directory.runtime()?).await?;
        if self.is_open(&candidate, &compiled) {
            self.files = files;
            self.directory.board.settled(&self.name);
            return Ok(());
        }
        let from = self.open.as_ref().map(|open| open.good.sha256.clone());
        let (component, good) = self.swap(candidate, compiled, false).await?;
        self.files = files;
        let to = good.sha256.clone();
        self.keep(component, good).await;
        self.announce(match from {
            Some(from) => AdapterChange::Replaced { from, to },
            None => AdapterChange::Loaded { digest: to },
        });
        Ok(())
    }

    /// Opens a component that is compiled, and lets it take the place of the one before, which finishes its calls.
    async fn swap(
        &mut self,
        candidate: Candidate,
        compiled: Compiled,
        is_fallback: bool,
    ) -> Result<(PathBuf, Good), Problem> {
        // What it imports and what it is granted are known here, and nothing of it has run yet.
        self.take_part(&candidate).await?;
        let runtime = self.directory.runtime()?;
        let adapter = candidate
            .open(&runtime, &self.name, &compiled, self.directory.approvals.as_ref())
            .await?;
        self.directory.mirror.set_options(&self.name, candidate.options());
        self.directory.board.opened(&self.name, &compiled, &adapter);
        let refused = adapter.listen_refusals();
        for before in adapter.refusals() {
            let refusal = before.refusal;
            self.announce(AdapterChange::Refused { refusal });
        }
        self.directory.mirror.opened(&self.name, adapter);
        let good = Good {
            sha256: compiled.sha256().to_owned(),
            manifest: candidate.text,
        };
        self.open = Some(OpenAdapter {
            good: good.clone(),
            refused,
            files: candidate.files,
            is_fallback,
        });
        Ok((candidate.component, good))
    }

    /// From its first use on, it is a destination.
    async fn take_part(&mut self, candidate: &Candidate) -> Result<(), Problem> {
        if self.is_destination {
            return Ok(());
        }
        let (directory, name, options) = (self.directory.clone(), self.name.clone(), candidate.options());
        let adding = move || {
            // First: what waits for it from here on is kept for it.
            let remembered = Named::of(&directory.state).remember(&name);
            remembered.map_err(|error| Problem::elsewhere(format!("its name cannot be kept: {error}"), true))?;
            Ok::<_, Problem>(directory.mirror.add_destination(&name, options)?)
        };
        blocking(adding).await??;
        self.is_destination = true;
        Ok(())
    }

    /// Whether just this is open: a file may be written anew with what it held.
    fn is_open(&self, candidate: &Candidate, compiled: &Compiled) -> bool {
        self.open.as_ref().is_some_and(|open| {
            !open.is_fallback
                && open.good.sha256 == compiled.sha256()
                && open.good.manifest == candidate.text
                && open.files == candidate.files
        })
    }

    /// The component is gone; calls under way finish.
    fn remove(&mut self) {
        self.files.clear();
        self.directory.release(&self.name);
        (self.open, self.told) = (None, None);
        if !std::mem::replace(&mut self.is_removed, true) {
            let (dir, name) = (self.directory.dir.display(), &self.name);
            let cause = format!(
                "there is no {name}.wasm in {dir}; put it back, or another one, or let go of what waits for it with \
                 `mirrorbox adapters remove {name}`"
            );
            self.directory.mirror.not_opened(&self.name, cause, false);
            self.announce(AdapterChange::Removed);
        }
    }

    /// What stands in the directory is of no use; when to try again.
    async fn refuse(&mut self, found: &Found, problem: Problem) -> Option<Duration> {
        let Problem {
            mut cause,
            can_retry,
            is_file,
        } = problem;
        if self.at_start && is_file {
            match self.fall_back(found, &cause).await {
                Ok(true) => return None,
                Ok(false) => {}
                Err(other) => cause = format!("{cause}; nor can the one that was opened last be used: {}", other.cause),
            }
        }
        let is_news = self.told.replace(cause.clone()).as_ref() != Some(&cause);
        // Else the name is nobody's, or another destination's.
        if self.open.is_none() && self.is_destination {
            self.directory.mirror.not_opened(&self.name, cause.clone(), can_retry);
        }
        if is_news {
            self.announce(match self.open {
                Some(_) => AdapterChange::Kept { cause },
                None => AdapterChange::Failed { cause, can_retry },
            });
        }
        if is_file {
            return None;
        }
        let pause = self.backoff.fail();
        Some(if can_retry { pause } else { PARKED })
    }

    /// Opens the component that was opened last, if there is one, whatever is wrong with the one in the directory.
    async fn fall_back(&mut self, found: &Found, cause: &str) -> Result<bool, Problem> {
        let kept = {
            let (directory, name, found) = (self.directory.clone(), self.name.clone(), found.clone());
            blocking(move || kept(&directory, &name, &found)).await??
        };
        let Some((good, candidate)) = kept else {
            return Ok(false);
        };
        let compiled = candidate.compile(&self.directory.runtime()?).await?;
        if compiled.sha256() != good.sha256 {
            return Err(Problem::of_file("it is damaged"));
        }
        self.swap(candidate, compiled, true).await?;
        self.told = Some(cause.to_owned());
        self.announce(AdapterChange::FellBack {
            digest: good.sha256,
            cause: cause.to_owned(),
        });
        Ok(true)
    }

    /// For a later start, and for going back.
    async fn keep(&self, component: PathBuf, good: Good) {
        let kept = LastGood::of(&self.directory.state, &self.name);
        let keeping = blocking(move || kept.keep(&component, &good).map_err(Problem::of_file)).await;
        if let Err(problem) | Ok(Err(problem)) = keeping {
            let cause = problem.cause;
            tracing::warn!(adapter = self.name, "cannot be kept for a later start: {cause}");
        }
    }

    /// Until there is something to do: false once nobody says so any more.
    async fn wait(&mut self, again: Option<Duration>) -> bool {
        let again = again.map(|pause| Instant::now() + pause);
        loop {
            let look = (!self.files.is_empty()).then(|| Instant::now() + self.directory.watching.rescan);
            let until = again.into_iter().chain(look).min();
            tokio::select! {
                biased;
                changed = self.found.changed() => return changed.is_ok(),
                refusal = refused(&mut self.open) => {
                    self.announce(AdapterChange::Refused { refusal });
                    continue;
                }
                () = sleep_until(until) => {}
            }
            if again.is_some_and(|again| Instant::now() >= again) || self.files_changed().await {
                return true;
            }
        }
    }

    async fn files_changed(&self) -> bool {
        let paths: Vec<_> = self.files.iter().map(|(path, _)| path.clone()).collect();
        let now = blocking(move || stamps(paths)).await;
        now.is_ok_and(|now| now != self.files)
    }

    fn announce(&self, what: AdapterChange) {
        self.directory.board.announce(&self.name, what);
    }
}

/// The component that was opened last, if there is one. Blocks for the disk.
fn kept(directory: &Directory, name: &str, found: &Found) -> Result<Option<(Good, Candidate)>, Problem> {
    let kept = LastGood::of(&directory.state, name);
    let newest = kept.each().map_err(Problem::of_file)?.into_iter().next();
    let Some(good) = newest else { return Ok(None) };
    let candidate = Candidate::of_good(directory, name, found, (&good, kept.component(&good)))?;
    Ok(Some((good, candidate)))
}

/// Does what waits for the disk on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::elsewhere(format!("it was given up: {error}"), true))
}

/// The next thing that what is open is refused.
async fn refused(open: &mut Option<OpenAdapter>) -> Refusal {
    use broadcast::error::RecvError;
    if let Some(open) = open {
        loop {
            match open.refused.recv().await {
                Ok(refusal) => return refusal,
                // So many at once that some are in its log alone.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
    }
    std::future::pending().await
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
