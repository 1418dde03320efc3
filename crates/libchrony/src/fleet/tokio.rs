//! A round of a fleet for tokio. It waits for the queue of the fleet in the runtime's event queue.

use super::members::Fleet;
use super::reports::Reports;
use super::round::Round;
use super::schedule::Progress;
use crate::engine::policy::INTERRUPT_INTERVAL;
use crate::raw::per_process::Process;
use crate::raw::watch::watch_queue;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::borrow::BorrowMut;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::unix::AsyncFd;
use tokio::time::{Sleep, sleep_until};

/// The results of a round for tokio, in the order in which they arrive. [`Round::into_async`] creates it.
///
/// The round progresses only while a result is awaited. Dropping it cancels the round.
///
/// # Panics
///
/// [`next`](Self::next) panics outside a tokio runtime, and in a runtime that was built without its I/O or time
/// drivers.
#[derive(Debug)]
#[must_use = "a round does nothing unless its results are awaited"]
pub struct AsyncRound<F, R: Reports> {
    // The queue must leave the event queue before the round closes it, so this is dropped first.
    watched: Watched,
    alarm: Option<Pin<Box<Sleep>>>,
    round: Round<F, R>,
}

impl<F: BorrowMut<Fleet>, R: Reports> Round<F, R> {
    /// Turns the round into one for tokio. The fleet waits with the runtime's event queue and timers.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (one, other) = (testbed::Scripted::start(Default::default())?, testbed::Scripted::start(Default::default())?);
    /// # let addresses = [&one, &other].map(|chronyd| format!("127.0.0.1:{}", chronyd.command_port()).parse().unwrap());
    /// use libchrony::Tracking;
    /// use libchrony::fleet::Fleet;
    ///
    /// let mut fleet = Fleet::builder(addresses.into()).build()?;
    /// let addresses = fleet.addresses();
    /// let mut round = fleet.read::<Tracking>().into_async();
    /// while let Some((index, tracking)) = round.next().await {
    ///     println!("{}: stratum {}", addresses[index], tracking?.stratum);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_async(self) -> AsyncRound<F, R> {
        AsyncRound { watched: Watched { process: Process::this(), queue: None }, alarm: None, round: self }
    }
}

impl<F: BorrowMut<Fleet>, R: Reports> AsyncRound<F, R> {
    /// Waits for the next result: the index of an address, and its results. Returns `None` once each address has had
    /// its result. Dropping the future loses nothing: another call continues the round.
    pub async fn next(&mut self) -> Option<(usize, R::Results)> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Cancels the round, and returns the one that waits by itself.
    pub fn into_round(self) -> Round<F, R> {
        self.round
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<(usize, R::Results)>> {
        loop {
            let until = match self.round.advance() {
                Progress::Result(index, results) => return Poll::Ready(Some((index, results))),
                Progress::Over => return Poll::Ready(None),
                Progress::Wait(until) => until,
            };
            let is_readable = self.watched.is_readable(&self.round, task);
            let until = if is_readable.is_some() { until } else { until.min(Instant::now() + INTERRUPT_INTERVAL) };
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(until.into())));
            alarm.as_mut().reset(until.into());
            if is_readable != Some(true) && alarm.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// The queue of a fleet in the runtime's event queue.
#[derive(Debug)]
struct Watched {
    process: Process,
    queue: Option<AsyncFd<OwnedFd>>,
}

impl Watched {
    /// Returns true if the queue is readable, and false if the task is woken when it is. `None` means that the queue
    /// cannot be watched, and must be checked at intervals.
    fn is_readable(&mut self, queue: &impl AsFd, task: &mut Context<'_>) -> Option<bool> {
        if self.queue.is_none() {
            // A descriptor of its own, which stays open until the runtime has forgotten it.
            let queue = queue.as_fd().try_clone_to_owned().ok()?;
            self.queue = Some(watch_queue(queue).ok()?);
        }
        let queue = self.queue.as_ref()?;
        while let Poll::Ready(ready) = queue.poll_read_ready(task) {
            // The runtime reports each event once, and the round has perhaps not taken all of them.
            let mut ready = ready.ok()?;
            if poll(&mut [PollFd::new(queue, PollFlags::IN)], Some(&Timespec::default())) != Ok(0) {
                return Some(true);
            }
            ready.clear_ready();
        }
        Some(false)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.process.is_forked() {
            // A forked child shares its parent's event queue, in which the parent still watches the queue.
            mem::forget(self.queue.take());
        }
    }
}
