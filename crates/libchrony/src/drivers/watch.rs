//! The sockets of a connection's calls behind one descriptor.
//!
//! An event loop takes long to begin and to end watching a socket, compared with a short call. It also has to forget a
//! descriptor before the number can belong to another file. An epoll set is watched all the time, and the sockets come
//! and go behind it. `reading` decides what a call does with them.

use crate::drivers::call::Call;
use crate::engine::policy::INTERRUPT_INTERVAL;
use crate::engine::ready::{Interest, Ready, Step};
use crate::error::Error;
use crate::raw::event_queue::EventQueue;
use crate::raw::per_process::Process;
use crate::raw::socket::Socket;
use crate::report::collect::Reply;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;
use std::{io, mem};

/// Watches the sockets of one connection's calls: a descriptor that is readable when a call can go on. Made by
/// [`Connection::epoll`](crate::drivers::nonblocking::Connection::epoll).
///
/// A call that waits for its turn is not among these; it has a waker for that. The sockets that the next call will use
/// stay watched.
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
    set: EventQueue,
    process: Process,
    /// Whether others have closed it, so that nothing can be watched.
    is_lost: bool,
    watched: Vec<Watched>,
    /// Whether each socket that is waited for is in the set.
    is_complete: bool,
}

/// A socket in the set. It is closed only when it is in no set any more, or a child's copy would keep it there.
#[derive(Debug)]
struct Watched {
    socket: Arc<Socket>,
    flags: EventFlags,
    /// Whether it is watched for the next call.
    is_idle: bool,
}

impl Watched {
    /// Leaves the set. Returns false, so that `retain` drops it.
    fn leave(&self, set: &EventQueue) -> bool {
        // Others may have closed either descriptor. The socket has left the set then.
        if set.is_there() {
            let _ = epoll::delete(set, &self.socket);
        }
        false
    }
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            set: EventQueue::new()?,
            process: Process::this(),
            is_lost: false,
            watched: Vec::new(),
            is_complete: true,
        })
    }

    /// As [`Call::advance`]. It receives only from the sockets that are ready.
    pub fn advance<T: Reply>(&mut self, call: &mut Call<T>, waker: &Waker) -> Step<Result<T, Error>> {
        if call.waits_for_turn() {
            self.is_lost = !self.is_forked() && !self.set.is_there();
        }
        // The sockets that are ready belong to another call until the turn has come.
        let ready = if call.waits_for_turn() { Vec::new() } else { self.ready() };
        let known = if self.is_complete { Ready::These(&ready) } else { Ready::Any };
        let step = call.go_on(known, waker);
        if call.waits_for_turn() {
            return step;
        }
        self.is_complete = self.watch(&call.interests(), &ready);
        match step {
            // One that cannot be watched is looked at.
            Step::Wait(until) if !self.is_complete => Step::Wait(until.min(Instant::now() + INTERRUPT_INTERVAL)),
            step => step,
        }
    }

    /// Closes the sockets of calls that were dropped, and of a connection that was closed.
    pub fn sweep(&mut self) {
        if self.is_forked() {
            // The set is the parent's, too.
            self.watched.clear();
            return;
        }
        let set = &self.set;
        self.watched.retain(|one| Arc::strong_count(&one.socket) > 1 || one.leave(set));
    }

    /// Stops watching sockets that have something to read while no call is under way, until a call waits for them.
    /// Without this the descriptor would stay readable. Call it when the descriptor is readable without a call.
    pub fn forget_ready(&mut self) {
        let ready = self.ready();
        self.watch(&[], &ready);
    }

    fn is_forked(&self) -> bool {
        self.process.is_forked()
    }

    /// The sockets that are ready.
    fn ready(&self) -> Vec<RawFd> {
        if self.watched.is_empty() || self.is_lost || self.is_forked() {
            return Vec::new();
        }
        let mut events = Vec::with_capacity(self.watched.len());
        // Only a signal can make it fail, and the descriptor stays readable then.
        let _ = epoll::wait(&self.set, spare_capacity(&mut events), Some(&Timespec::default()));
        let ready = events.iter().map(|event: &epoll::Event| event.data.u64());
        ready.filter_map(|fd| RawFd::try_from(fd).ok()).collect()
    }

    /// Watches what is waited for, and what the next call may use. False if some of it cannot be watched.
    fn watch(&mut self, interests: &[Interest<'_>], ready: &[RawFd]) -> bool {
        if self.is_forked() {
            let Ok(new) = Self::new() else { return false };
            *self = new;
        }
        let wanted = |socket: &Arc<Socket>| {
            let own = interests.iter().filter(|interest| Arc::ptr_eq(interest.socket(), socket));
            own.map(flags).reduce(EventFlags::union)
        };
        let mut is_complete = true;
        self.sweep();
        if self.is_lost {
            return false;
        }
        let set = &self.set;
        self.watched.retain_mut(|one| {
            let Some(wanted) = wanted(&one.socket) else {
                let was_idle = mem::replace(&mut one.is_idle, true);
                let is_read = !was_idle || !ready.contains(&one.socket.as_fd().as_raw_fd());
                return one.flags == EventFlags::IN && is_read || one.leave(set);
            };
            if wanted != one.flags {
                is_complete &= epoll::modify(set, &one.socket, data(&one.socket), wanted).is_ok();
            }
            (one.flags, one.is_idle) = (wanted, false);
            true
        });
        for socket in interests.iter().map(Interest::socket) {
            if let Some(flags) = wanted(socket)
                && !self.watched.iter().any(|one| Arc::ptr_eq(&one.socket, socket))
            {
                match epoll::add(set, socket, data(socket), flags) {
                    Ok(()) => self.watched.push(Watched { socket: Arc::clone(socket), flags, is_idle: false }),
                    Err(_) => is_complete = false,
                }
            }
        }
        is_complete
    }
}

fn flags(interest: &Interest<'_>) -> EventFlags {
    if interest.is_to_write() { EventFlags::OUT } else { EventFlags::IN }
}

/// What the set tells of a socket that is ready.
fn data(socket: &Socket) -> EventData {
    EventData::new_u64(socket.as_fd().as_raw_fd().unsigned_abs().into())
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}
