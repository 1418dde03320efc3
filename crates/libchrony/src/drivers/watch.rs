//! The sockets of many calls behind one descriptor: those of a connection for event loops, and those of a fleet.
//!
//! An event loop takes long to begin and to end watching a socket, compared with a short call. It also has to forget a
//! descriptor before the number can belong to another file. An epoll set is watched all the time, and the sockets come
//! and go behind it. `engine` decides what a call does with them.
//!
//! A socket is put in once, when a call first waits for it, and leaves the set when it is closed. The set announces each
//! datagram once, as it comes, so a socket has to be read empty.

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

/// The number of events that are taken at once.
const EVENTS: usize = 256;

/// Watches the sockets of one connection's calls: a descriptor that is readable when a call can go on. Made by
/// [`Connection::epoll`](crate::drivers::nonblocking::Connection::epoll).
///
/// A call that waits for its turn has a waker and does not make it readable. The sockets that are kept for the
/// next call stay watched.
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
    /// Set once other code has closed the queue, which can then watch nothing.
    is_broken: bool,
}

impl Epoll {
    /// The number of its descriptors.
    pub(crate) const DESCRIPTORS: usize = 2;

    pub(crate) fn new() -> Result<Self, Errno> {
        Ok(Self { queue: EventQueue::new()?, process: Process::this(), is_broken: false })
    }

    /// As [`Call::advance`].
    pub fn advance<T: Reply>(&mut self, call: &mut Call<T>, waker: &Waker) -> Step<Result<T, Error>> {
        if self.is_inherited()
            && let Ok(new) = Self::new()
        {
            *self = new;
        }
        let ready = if call.waits_for_turn() {
            self.look();
            // The sockets that are ready belong to another call until the turn has come.
            Ready::These(&[])
        } else {
            self.wait(Duration::ZERO);
            Ready::Any
        };
        let step = call.go_on(ready, waker);
        let is_watched = call.interests().iter().all(|interest| self.watch(0, interest));
        match step {
            // A socket that cannot be watched is looked at instead.
            Step::Wait(until) if !is_watched => Step::Wait(until.min(Instant::now() + INTERRUPT_INTERVAL)),
            step => step,
        }
    }

    /// Forgets which sockets have something to read while no call is under way. Without this the descriptor would stay
    /// readable. Call it when the descriptor is readable without a call.
    pub fn forget_ready(&mut self) {
        self.wait(Duration::ZERO);
    }

    /// Notices that others have closed it.
    pub(crate) fn look(&mut self) {
        self.is_broken |= !self.queue.is_there();
    }

    /// Returns true if it watches nothing for this process: others have closed it, or it is inherited.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_broken || self.is_inherited()
    }

    /// Returns true if it belongs to the process that this one was forked from.
    pub(crate) fn is_inherited(&self) -> bool {
        self.process.is_forked()
    }

    /// Returns a waker that makes the descriptor readable.
    pub(crate) fn waker(&self) -> Waker {
        Arc::clone(&self.queue.bell).into()
    }

    /// Watches a socket, whose events have this number. Returns false if that fails.
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

    /// Waits for events, for that time at most, and returns their numbers.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<u32> {
        if self.is_lost() {
            return Vec::new();
        }
        let mut events = [const { MaybeUninit::<Event>::uninit() }; EVENTS];
        let time = Timespec::try_from(time).ok();
        // After a signal there are none, and the caller looks at the time.
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
