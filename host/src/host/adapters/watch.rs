//! Watches the adapter directory and hands each change on to the task of its name.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Named;
use super::adapter_directory::Directory;
use super::settle::Settling;
use super::slot::Slot;
use crate::config::directory::{Found, scan};
use crate::host::HostError;

/// Events come in swarms: so long after one it is looked what they were about.
const SWARM: Duration = Duration::from_millis(10);

/// Adds what stands in the directory as destinations, has them opened in the background, and watches from then on.
/// Blocks for the disk; within the mirror's runtime.
pub(in crate::host) fn watch(directory: Directory) -> Result<(), HostError> {
    let found = scan(&directory.dir).map_err(|source| HostError::AdapterDirectory {
        path: directory.dir.clone(),
        source,
    })?;
    let directory = Arc::new(directory);
    let mut watch = DirectoryWatch {
        settling: Settling::new(directory.watching.quiet, found.clone()),
        slots: BTreeMap::new(),
        directory: directory.clone(),
    };
    let found = with_those_named_before(&directory.state, found)?;
    let mut slots = Vec::new();
    for (name, found) in found {
        let (sender, receiver) = watch::channel(found);
        let mut slot = Slot::new(directory.clone(), &name, receiver);
        if slot.take_part_at_start()? {
            directory.runtime()?;
        }
        watch.slots.insert(name, sender);
        slots.push(slot);
    }
    // Each is held against what all of them are granted: none opens before the last one has said what that is.
    for slot in slots {
        directory.mirror.spawn(slot.run());
    }
    directory.mirror.spawn(watch.run());
    Ok(())
}

/// With nothing under each name that was a destination before and does not stand in the directory any more: what waits
/// for it is kept until the guard is dropped. Blocks for the disk.
fn with_those_named_before(
    state: &Path,
    mut found: BTreeMap<String, Found>,
) -> Result<BTreeMap<String, Found>, HostError> {
    let named = Named::of(state).each().map_err(|source| HostError::Names {
        path: state.to_owned(),
        source,
    })?;
    for name in named {
        found.entry(name).or_default();
    }
    Ok(found)
}

/// Looks at the directory and tells the names' tasks.
struct DirectoryWatch {
    directory: Arc<Directory>,
    settling: Settling,
    slots: BTreeMap<String, watch::Sender<Found>>,
}

impl DirectoryWatch {
    async fn run(mut self) {
        let stirred = Arc::new(Notify::new());
        let mut eyes = Eyes::new(&self.directory, stirred.clone());
        let mut complaint = None;
        loop {
            let looking = tokio::task::spawn_blocking(move || (eyes.look(), eyes));
            let Ok((scanned, same_eyes)) = looking.await else {
                return;
            };
            eyes = same_eyes;
            match scanned {
                Ok(scan) => {
                    complaint = None;
                    self.hand_on(scan);
                }
                // Whatever runs goes on: a directory that cannot be read says nothing about what is in it.
                Err(error) => self.complain(&mut complaint, &error),
            }
            self.rest(&stirred).await;
        }
    }

    /// Until it is time to look again.
    async fn rest(&self, stirred: &Notify) {
        let rescan = Instant::now() + self.directory.watching.rescan;
        let until = self.settling.next().map_or(rescan, |next| next.min(rescan));
        tokio::select! {
            () = stirred.notified() => tokio::time::sleep(SWARM).await,
            () = tokio::time::sleep_until(until) => {}
        }
    }

    fn hand_on(&mut self, scan: BTreeMap<String, Found>) {
        for (name, found) in self.settling.look(Instant::now(), scan) {
            if let Some(slot) = self.slots.get(&name) {
                slot.send_replace(found);
            }
        }
        // A task ends where there is nothing more; there may be something again by now.
        self.slots.retain(|_, slot| !slot.is_closed());
        for (name, found) in self.settling.settled() {
            if !self.slots.contains_key(name) {
                let (sender, receiver) = watch::channel(found.clone());
                let slot = Slot::new(self.directory.clone(), name, receiver);
                self.slots.insert(name.clone(), sender);
                self.directory.mirror.spawn(slot.run());
            }
        }
    }

    fn complain(&self, complaint: &mut Option<io::ErrorKind>, error: &io::Error) {
        if complaint.replace(error.kind()) != Some(error.kind()) {
            let dir = self.directory.dir.display();
            tracing::warn!("cannot look at {dir}, and what runs goes on: {error}");
        }
    }
}

/// Scans the directory, and gets a notice when to scan it again.
struct Eyes {
    dir: PathBuf,
    events: bool,
    stirred: Arc<Notify>,
    /// The directory whose events come: another one may take its place.
    listening: Option<(Identity, RecommendedWatcher)>,
}

impl Eyes {
    fn new(directory: &Directory, stirred: Arc<Notify>) -> Self {
        Self {
            dir: directory.dir.clone(),
            events: directory.watching.events,
            stirred,
            listening: None,
        }
    }

    /// Blocks for the disk.
    fn look(&mut self) -> io::Result<BTreeMap<String, Found>> {
        // Before the scan: the system reports what changes from here on.
        self.listen();
        scan(&self.dir)
    }

    fn listen(&mut self) {
        let identity = identity(&self.dir);
        let listening = self.listening.as_ref().map(|(identity, _)| *identity);
        if !self.events || listening == identity {
            return;
        }
        self.listening = None;
        let Some(identity) = identity else { return };
        match watcher(&self.dir, self.stirred.clone()) {
            Ok(watcher) => self.listening = Some((identity, watcher)),
            Err(error) => {
                let dir = self.dir.display();
                tracing::debug!("no file events of {dir}, it is looked at from time to time: {error}");
            }
        }
    }
}

fn watcher(dir: &Path, stirred: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // This process's own reads are no change.
        if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            stirred.notify_one();
        }
    })?;
    watcher.watch(dir, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Which directory it is.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(dir: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(dir).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(dir: &Path) -> Option<Identity> {
    dir.is_dir().then_some(())
}
