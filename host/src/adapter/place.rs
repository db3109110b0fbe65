//! The places of a pool: how many jobs there may be at a time, and which of them are lost to a thread that hangs.
//!
//! A thread that hangs in a call of the operating system (a file on a server that is gone) cannot be taken back. Its
//! place is given to another, up to a bound, and comes back with the thread if that ever does.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::store::StoreError;

/// How many places are given to others while their threads hang. Each may keep the memory of an instance.
pub(super) const REPLACED: u16 = 4;
/// Timers are coarser than instants: so long at least is waited for what is about to be late.
const MOMENT: Duration = Duration::from_millis(1);

/// The places of one adapter.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    jobs: Mutex<Jobs>,
}

#[derive(Debug, Default)]
struct Jobs {
    /// By number, and when each is late. Whether anybody still waits for it does not matter.
    held: Vec<(u64, Instant)>,
    started: u64,
    ended: u64,
    /// Those whose place another has.
    lost: u16,
}

/// A place that a job holds until it is dropped.
#[derive(Debug)]
pub(super) struct JobPlace {
    places: Arc<Places>,
    job: u64,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(places: u16) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(places.into())),
            jobs: Mutex::default(),
        })
    }

    /// Waits for a place, for a job that is late after `patience`; but not while no job ends for as long as that: then
    /// every thread hangs, and so do those that took their places.
    pub(super) async fn take(self: &Arc<Self>, patience: Duration) -> Result<JobPlace, StoreError> {
        let free = self.free.clone().acquire_owned();
        tokio::pin!(free);
        let (mut since, mut ended) = (Instant::now(), self.jobs().ended);
        let permit = loop {
            let (_, late) = self.replace_late();
            let waits = late.map_or(patience, |late| late.saturating_duration_since(Instant::now()));
            match tokio::time::timeout(waits.clamp(MOMENT, patience.max(MOMENT)), &mut free).await {
                Ok(permit) => break permit.map_err(|_closed| closed())?,
                // Others came before it.
                Err(_elapsed) if self.jobs().ended > ended => (since, ended) = (Instant::now(), self.jobs().ended),
                Err(_elapsed) if since.elapsed() < patience || self.replace_late().0 => {}
                Err(_elapsed) => return Err(self.hanging()),
            }
        };
        let mut jobs = self.jobs();
        jobs.started += 1;
        let job = jobs.started;
        jobs.held.push((job, Instant::now() + patience));
        Ok(JobPlace {
            places: self.clone(),
            job,
            permit: Some(permit),
        })
    }

    /// Gives the places of jobs that are late to others, as far as that goes. Says whether there was one, and when the
    /// next one is late.
    fn replace_late(&self) -> (bool, Option<Instant>) {
        let mut jobs = self.jobs();
        let now = Instant::now();
        let Jobs { held, lost, .. } = &mut *jobs;
        let before = *lost;
        held.retain(|(_, late)| {
            let is_replaced = *late <= now && *lost < REPLACED;
            if is_replaced {
                *lost += 1;
                self.free.add_permits(1);
            }
            !is_replaced
        });
        let next = held.iter().map(|(_, late)| *late).filter(|late| *late > now).min();
        (*lost > before, next.filter(|_| *lost < REPLACED))
    }

    /// No job gets a place any more.
    pub(super) fn close(&self) {
        self.free.close();
    }

    fn hanging(&self) -> StoreError {
        let lost = self.jobs().lost;
        StoreError::Unavailable(format!(
            "all of its instances hang, and so do {lost} that took the places of others; a file system or a server that it \
             uses does not answer"
        ))
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock()
    }
}

impl JobPlace {
    /// Whether another has it now.
    pub(super) fn is_lost(&self) -> bool {
        !self.places.jobs().held.iter().any(|(job, _)| *job == self.job)
    }
}

impl Drop for JobPlace {
    fn drop(&mut self) {
        let mut jobs = self.places.jobs();
        jobs.ended += 1;
        let held = jobs.held.iter().position(|(job, _)| *job == self.job);
        match held {
            Some(held) => drop(jobs.held.swap_remove(held)),
            None => {
                jobs.lost -= 1;
                self.permit.take().into_iter().for_each(OwnedSemaphorePermit::forget);
            }
        }
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the adapter is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// The caller that waited for the job need not be there any more.
    #[tokio::test(start_paused = true)]
    async fn the_place_of_a_thread_that_hangs_is_given_to_another_and_comes_back_once() {
        let places = Places::new(1);
        let hangs = places.take(PATIENCE).await.unwrap();
        let start = Instant::now();
        let other = places.take(PATIENCE * 2).await.unwrap();
        assert!(start.elapsed() >= PATIENCE, "not before it was late");
        assert!(hangs.is_lost() && !other.is_lost());
        drop(hangs);
        assert_eq!(places.free.available_permits(), 0);
        drop(other);
        assert_eq!(places.free.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_replaced_and_no_more() {
        let places = Places::new(1);
        let mut hanging = Vec::new();
        for _ in 0..=REPLACED {
            hanging.push(places.take(PATIENCE).await.unwrap());
        }
        let error = places.take(PATIENCE).await.unwrap_err();
        assert!(
            error.can_retry() && error.to_string().contains("4 that took"),
            "{error}"
        );
        hanging.pop();
        places.take(PATIENCE).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_a_long_queue_is_not_turned_away() {
        let places = Places::new(1);
        let mut queue = Vec::new();
        for _ in 0..5 {
            let places = places.clone();
            queue.push(tokio::spawn(async move {
                let place = places.take(PATIENCE).await?;
                tokio::time::sleep(PATIENCE * 2 / 3).await;
                let is_lost = place.is_lost();
                drop(place);
                Ok::<_, StoreError>(is_lost)
            }));
        }
        for job in queue {
            assert_eq!(job.await.unwrap(), Ok(false));
        }
    }
}
