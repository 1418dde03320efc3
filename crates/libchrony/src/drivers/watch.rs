//! One descriptor for all sockets of a connection or of a fleet. The decisions about a call are left to `engine`.
//!
//! Adding a socket to an event loop and removing it costs more than a short call. The loop must also forget a
//! descriptor before its number can belong to another file. So the loop watches an epoll set all the time, and the set
//! contains the sockets.
//!
//! A socket is added when a call first waits for it, and leaves the set when it is closed. The set is edge-triggered:
//! it reports each datagram once, so a socket must be read until it is empty.

use crate::drivers::call::Call;
use crate::engine::policy::INTERRUPT_INTERVAL;
use crate::engine::ready::{Interest, Ready, Step};
use crate::error::Error;
use crate::raw::event_queue::{BELL, EventQueue};
use crate::raw::per_process::Process;
use crate::report::collect::Reply;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::{Duration, Instant};

/// The largest number of events that one wait returns.
const EVENTS: usize = 256;

/// A descriptor that is readable when a call of its connection can continue.
/// [`Connection::epoll`](crate::drivers::nonblocking::Connection::epoll) creates it.
///
/// A call that waits for its turn does not make the descriptor readable. Its waker is woken instead. The sockets of the
/// kept session stay watched.
///
/// # Examples
///
/// ```
/// # let chronyd = testbed::Chronyd::builder().start()?;
/// # let address = libchrony::Address::parse(chronyd.socket())?;
/// use libchrony::Connection;
/// use libchrony::nonblocking::Step;
/// use rustix::event::{PollFd, PollFlags, Timespec, poll};
/// use std::task::Waker;
/// use std::time::Instant;
///
/// let chronyd = Connection::builder().address(address).build_nonblocking()?;
/// let mut epoll = chronyd.epoll()?;
/// for _ in 0..2 {
///     let mut call = chronyd.tracking();
///     let tracking = loop {
///         match epoll.advance(&mut call, Waker::noop()) {
///             Step::Done(result) => break result?,
///             Step::Resolve(_) => unreachable!("this address is no host name"),
///             Step::Wait(until) => {
///                 let left = Timespec::try_from(until.saturating_duration_since(Instant::now()))?;
///                 poll(&mut [PollFd::new(&epoll, PollFlags::IN)], Some(&left))?;
///             }
///         }
///     };
///     println!("{:+.9} s off {}", tracking.offset, tracking.reference_id_name);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Epoll {
    queue: EventQueue,
    process: Process,
    /// Set once other code has closed the queue.
    is_broken: bool,
}

impl Epoll {
    /// The number of descriptors of one epoll set: its own, and the timer that wakes it.
    pub(crate) const DESCRIPTORS: usize = 2;

    pub(crate) fn new() -> Result<Self, Errno> {
        Ok(Self { queue: EventQueue::new()?, process: Process::this(), is_broken: false })
    }

    /// Advances a call, like [`Call::advance`], and watches its sockets.
    pub fn advance<T: Reply>(&mut self, call: &mut Call<T>, waker: &Waker) -> Step<Result<T, Error>> {
        if self.is_inherited()
            && let Ok(new) = Self::new()
        {
            *self = new;
        }
        let ready = if call.waits_for_turn() {
            self.look();
            // Until the turn comes, the ready sockets belong to another call.
            Ready::These(&[])
        } else {
            self.wait(Duration::ZERO);
            Ready::Any
        };
        let step = call.go_on(ready, waker);
        let is_watched = call.interests().iter().all(|interest| self.watch(0, interest));
        match step {
            // A socket that cannot be watched is checked at intervals.
            Step::Wait(until) if !is_watched => Step::Wait(until.min(Instant::now() + INTERRUPT_INTERVAL)),
            step => step,
        }
    }

    /// Discards the events of the sockets, so that the descriptor is no longer readable. Call it if the descriptor is
    /// readable while no call is in progress.
    pub fn forget_ready(&mut self) {
        self.wait(Duration::ZERO);
    }

    /// Checks if other code has closed the queue.
    pub(crate) fn look(&mut self) {
        self.is_broken |= !self.queue.is_there();
    }

    /// Returns true if this process cannot use the queue: other code has closed it, or it is the parent's.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_broken || self.is_inherited()
    }

    /// Returns true if this is a forked child and the queue is the parent's.
    pub(crate) fn is_inherited(&self) -> bool {
        self.process.is_forked()
    }

    /// Returns a waker that makes the descriptor readable.
    pub(crate) fn waker(&self) -> Waker {
        Arc::clone(&self.queue.bell).into()
    }

    /// Watches a socket. `number` identifies its events. Returns false if the socket cannot be watched.
    pub(crate) fn watch(&self, number: u32, interest: &Interest<'_>) -> bool {
        if self.is_lost() {
            return false;
        }
        let flags = EventFlags::ET | if interest.is_to_write() { EventFlags::OUT } else { EventFlags::IN };
        let wanted = self.queue.number() << u32::BITS | u64::from(flags.bits());
        let watched = &interest.socket().watched;
        if watched.load(Ordering::Relaxed) == wanted {
            return true;
        }
        let data = EventData::new_u64(number.into());
        let done = match epoll::add(&self.queue, interest, data, flags) {
            Err(Errno::EXIST) => epoll::modify(&self.queue, interest, data, flags),
            done => done,
        };
        if done.is_ok() {
            watched.store(wanted, Ordering::Relaxed);
        }
        done.is_ok()
    }

    /// Waits for events for at most this time, and returns their numbers.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<u32> {
        if self.is_lost() {
            return Vec::new();
        }
        let mut events = [const { MaybeUninit::<Event>::uninit() }; EVENTS];
        let time = Timespec::try_from(time).ok();
        // After a signal there are no events, and the caller checks the time.
        let (events, _) = match epoll::wait(&self.queue, &mut events, time.as_ref()) {
            Ok(events) => events,
            Err(error) => {
                self.is_broken = error != Errno::INTR;
                return Vec::new();
            }
        };
        if events.iter().any(|event| event.data.u64() == BELL) {
            self.queue.bell.silence();
        }
        events.iter().filter_map(|event| event.data.u64().try_into().ok()).collect()
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
