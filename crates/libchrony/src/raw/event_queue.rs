//! The event queues of this crate, which can be identified among the program's others.
//!
//! All event queues share one inode, and so do all timers. Our timer has a period that no other timer has, and our
//! queue is the one that watches it.

use crate::raw::open_lock::Opening;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_gettime,
    timerfd_settime,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;
use std::time::{Duration, Instant};

/// The data that identifies the bell in a queue's events.
pub(crate) const BELL: u64 = u64::MAX;
/// The whole seconds of a period: more than fifty years, so that a timer only expires when the bell is rung.
const PERIOD: i64 = 1_700_000_000;

/// A timer that wakes the thread waiting on an event queue.
#[derive(Debug)]
pub(crate) struct Bell {
    fd: RawFd,
    period: Timespec,
}

impl Bell {
    fn new() -> Result<Self, Errno> {
        /// The last number used. A forked child continues with its parent's.
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) % 1_000_000_000;
        let period = Timespec { tv_sec: PERIOD, tv_nsec: number.into() };
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        set(&timer, period, period)?;
        Ok(Self { fd: timer.into_raw_fd(), period })
    }

    fn is_there(&self) -> bool {
        timerfd_gettime(self).is_ok_and(|times| times.it_interval == self.period)
    }

    /// Stops ringing.
    pub(crate) fn silence(&self) {
        self.ring_in(self.period);
    }

    fn ring_in(&self, time: Timespec) {
        if self.is_there() {
            // An existing timer can always be set.
            let _ = set(self, time, self.period);
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring_in(Timespec { tv_sec: 0, tv_nsec: 1 });
    }
}

fn set(fd: impl AsFd, time: Timespec, period: Timespec) -> Result<(), Errno> {
    let times = Itimerspec { it_interval: period, it_value: time };
    timerfd_settime(fd, TimerfdTimerFlags::empty(), &times).map(drop)
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as `self` lives, unless other code has closed it. Then a system call
        // fails, or only asks for the time of a timer that was opened since.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if self.is_there() {
            // SAFETY: the descriptor is ours, and nothing else closes it.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}

/// An event queue with its bell. Other code may close its descriptor. A file that is opened under that number
/// afterwards is left alone.
#[derive(Debug)]
pub(crate) struct EventQueue {
    fd: RawFd,
    pub(crate) bell: Arc<Bell>,
}

impl EventQueue {
    pub(crate) fn new() -> Result<Self, Errno> {
        // A thread that opens a session expects the next number to be the session's.
        let _opening = Opening::begin(Instant::now() + Duration::from_millis(50));
        let bell = Arc::new(Bell::new()?);
        let queue = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&queue, &bell, EventData::new_u64(BELL), EventFlags::IN)?;
        Ok(Self { fd: queue.into_raw_fd(), bell })
    }

    /// Returns a number of 32 bits that no other queue of this process has.
    pub(crate) fn number(&self) -> u64 {
        self.bell.period.tv_nsec.unsigned_abs()
    }

    /// Returns true if the queue at the number watches the bell. Any other queue fails to modify a descriptor that it
    /// does not watch.
    pub(crate) fn is_there(&self) -> bool {
        self.bell.is_there() && epoll::modify(self, &self.bell, EventData::new_u64(BELL), EventFlags::IN).is_ok()
    }
}

impl AsFd for EventQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as `self` lives, unless other code has closed it. Then a system call
        // fails, or is harmless for what was opened since.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Drop for EventQueue {
    fn drop(&mut self) {
        if self.is_there() {
            // SAFETY: the descriptor is ours, and nothing else closes it.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}
