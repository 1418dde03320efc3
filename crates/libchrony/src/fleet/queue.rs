//! The event queue of a fleet: which addresses have a socket that is ready.
//!
//! A socket is put in once, when it is first waited for, and leaves the queue when it is closed. The queue tells of
//! each datagram once, as it comes: a socket has to be read empty.

use crate::engine::ready::Interest;
use crate::raw::event_queue::{BELL, EventQueue};
use crate::raw::per_process::Process;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

/// How many events are taken at once.
const EVENTS: usize = 256;

/// What a socket is watched for: datagrams, or room to write, too.
const TO_READ: u8 = 1;
const TO_WRITE: u8 = 2;

/// An event queue with a bell, which other threads ring.
#[derive(Debug)]
pub(super) struct Queue {
    epoll: EventQueue,
    process: Process,
    is_broken: bool,
}

impl Queue {
    /// How many descriptors it has.
    pub(super) const DESCRIPTORS: usize = 2;

    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Self { epoll: EventQueue::new()?, process: Process::this(), is_broken: false })
    }

    /// Notices that others have closed it.
    pub(super) fn look(&mut self) {
        self.is_broken |= !self.epoll.is_there();
    }

    /// Whether it is of no use: it belongs to the process that this one was forked from, or others have closed it.
    pub(super) fn is_lost(&self) -> bool {
        self.is_broken || self.is_inherited()
    }

    /// Whether it belongs to the process that this one was forked from.
    pub(super) fn is_inherited(&self) -> bool {
        self.process.is_forked()
    }

    /// Has a socket be watched anew, by another queue.
    pub(super) fn forget(interest: &Interest<'_>) {
        interest.socket().watched.store(0, Ordering::Relaxed);
    }

    /// Rings the bell.
    pub(super) fn waker(&self) -> Waker {
        Arc::clone(&self.epoll.bell).into()
    }

    /// Watches a socket of an address. False if that cannot be had.
    pub(super) fn watch(&self, number: u32, interest: &Interest<'_>) -> bool {
        let (wanted, flags) = if interest.is_to_write() {
            (TO_WRITE, EventFlags::IN | EventFlags::OUT | EventFlags::ET)
        } else {
            (TO_READ, EventFlags::IN | EventFlags::ET)
        };
        let watched = &interest.socket().watched;
        let done = match watched.load(Ordering::Relaxed) {
            known if known >= wanted => return true,
            0 => epoll::add(&self.epoll, interest, EventData::new_u64(number.into()), flags),
            _ => epoll::modify(&self.epoll, interest, EventData::new_u64(number.into()), flags),
        };
        if done.is_ok() {
            watched.store(wanted, Ordering::Relaxed);
        }
        done.is_ok()
    }

    /// Waits for that time at most. The numbers of the addresses that have a socket that is ready.
    pub(super) fn wait(&mut self, time: Duration) -> Vec<u32> {
        let mut events = [const { MaybeUninit::<Event>::uninit() }; EVENTS];
        let time = Timespec::try_from(time).ok();
        // After a signal there are none, and the caller looks at the time.
        let (events, _) = match epoll::wait(&self.epoll, &mut events, time.as_ref()) {
            Ok(events) => events,
            Err(error) => {
                self.is_broken = error != Errno::INTR;
                return Vec::new();
            }
        };
        if events.iter().any(|event| event.data.u64() == BELL) {
            self.epoll.bell.silence();
        }
        events.iter().filter_map(|event| event.data.u64().try_into().ok()).collect()
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
