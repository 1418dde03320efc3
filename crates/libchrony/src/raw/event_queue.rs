//! Event queues that are told from those of the rest of the program.
//!
//! All event queues have one inode, and so have all timers. A timer of ours has a period that no other timer has, and a
//! queue of ours is the one that watches that timer.

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

/// The data of the bell in a queue's events.
pub(crate) const BELL: u64 = u64::MAX;
/// The seconds of a period: more than fifty years, so that a timer expires only when the bell is rung.
const PERIOD: i64 = 1_700_000_000;

/// A timer that wakes the thread that waits for an event queue.
#[derive(Debug)]
pub(crate) struct Bell {
    fd: RawFd,
    period: Timespec,
}

impl Bell {
    fn new() -> Result<Self, Errno> {
        /// The number given last. A forked child goes on from its parent's.
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
            // A timer that is there can be set.
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
        // SAFETY: it is open as long as `self` is there, unless others have closed it. Then a system call fails, or is
        // about what they have opened: it is only asked for the time of a timer there.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if self.is_there() {
            // SAFETY: it is ours, and nothing else closes it.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}

/// An event queue with its bell. Others may close its descriptor; what they open at its number then is left alone.
#[derive(Debug)]
pub(crate) struct EventQueue {
    fd: RawFd,
    pub(crate) bell: Arc<Bell>,
}

impl EventQueue {
    pub(crate) fn new() -> Result<Self, Errno> {
        // No other thread expects the next descriptor's number to be its own.
        let _opening = Opening::begin(Instant::now() + Duration::from_millis(50));
        let bell = Arc::new(Bell::new()?);
        let queue = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&queue, &bell, EventData::new_u64(BELL), EventFlags::IN)?;
        Ok(Self { fd: queue.into_raw_fd(), bell })
    }

    /// A number that no other queue of this process has, in 32 bits.
    pub(crate) fn number(&self) -> u64 {
        self.bell.period.tv_nsec.unsigned_abs().into()
    }

    /// Whether the queue at its number watches its bell: any other fails to change what it does not watch.
    pub(crate) fn is_there(&self) -> bool {
        self.bell.is_there() && epoll::modify(self, &self.bell, EventData::new_u64(BELL), EventFlags::IN).is_ok()
    }
}

impl AsFd for EventQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is open as long as `self` is there, unless others have closed it. Then a system call fails, or is
        // about what they have opened, which bears it.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Drop for EventQueue {
    fn drop(&mut self) {
        if self.is_there() {
            // SAFETY: it is ours, and nothing else closes it.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}
