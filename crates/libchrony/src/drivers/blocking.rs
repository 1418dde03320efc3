//! The driver that blocks its thread. It waits in slices, and asks the caller after each whether to continue.
//!
//! A send or a receive blocks for a short time, so that an early response does not cost more system calls than with
//! libchrony alone. Longer waits use `poll`.

use crate::drivers::resolve::LookUp;
use crate::engine::machine::Machine;
use crate::engine::policy::{INTERRUPT_INTERVAL, SHORT_WAIT};
use crate::engine::ready::{Interest, Ready, Step};
use crate::error::Error;
use crate::report::collect::Collect;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, RawFd};
use rustix::io::Errno;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A function that is called while waiting. If it returns true, the call ends.
pub(crate) type Interrupt = dyn Fn() -> bool + Send + Sync;

/// Wakes a thread that waits for its turn or for a lookup.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a call to its end.
pub(crate) fn run(mut machine: Machine, records: &mut dyn Collect, interrupt: &Interrupt) -> Result<(), Error> {
    let mut asked = machine.start();
    let mut waker: Option<Waker> = None;
    let mut polled: Option<Vec<RawFd>> = None;
    let mut look_up: Option<LookUp> = None;
    loop {
        let wake = waker.as_ref().unwrap_or(Waker::noop());
        if let Some(pending) = &mut look_up
            && let Poll::Ready(found) = pending.poll(wake)
        {
            machine.resolved(pending.host.clone(), found);
            look_up = None;
        }
        let ready = polled.as_deref().map_or(Ready::First, Ready::These);
        let until = match machine.advance(ready, wake, records) {
            Step::Done(result) => return result,
            Step::Resolve(host) => {
                // No socket is ready until it is polled.
                (look_up, polled) = (Some(LookUp::new(host, machine.end())), Some(Vec::new()));
                continue;
            }
            Step::Wait(until) => until,
        };
        let now = Instant::now();
        if machine.take_signal() || now - asked >= INTERRUPT_INTERVAL {
            asked = ask(interrupt)?;
        }
        let interests = machine.interests();
        // The end of a lookup does not wake a thread in `poll`.
        let slice = if look_up.is_some() && !interests.is_empty() { SHORT_WAIT } else { INTERRUPT_INTERVAL };
        let wait = until.saturating_duration_since(Instant::now()).min(slice);
        if interests.is_empty() {
            match waker {
                None => waker = Some(Waker::from(Arc::new(Unpark(thread::current())))),
                Some(_) => thread::park_timeout(wait),
            }
        } else {
            let (ready, is_signalled) = wait_for(&interests, wait);
            polled = Some(ready);
            if is_signalled {
                asked = ask(interrupt)?;
            }
        }
    }
}

/// Asks the caller whether to continue, and returns the time of the answer.
fn ask(interrupt: &Interrupt) -> Result<Instant, Error> {
    if interrupt() { Err(Error::Interrupted) } else { Ok(Instant::now()) }
}

/// Waits until one of the sockets is ready. Returns the ready sockets, and true if a signal interrupted the wait.
fn wait_for(interests: &[Interest<'_>], wait: Duration) -> (Vec<RawFd>, bool) {
    let flags = |interest: &Interest<'_>| if interest.is_to_write() { PollFlags::OUT } else { PollFlags::IN };
    let mut polled: Vec<_> = interests.iter().map(|interest| PollFd::new(interest, flags(interest))).collect();
    let result = poll(&mut polled, Timespec::try_from(wait).ok().as_ref());
    let ready = polled.iter().filter(|one| !one.revents().is_empty()).map(|one| one.as_fd().as_raw_fd());
    (ready.collect(), result == Err(Errno::INTR))
}
