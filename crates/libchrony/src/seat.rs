//! Whose turn it is to use a connection's session.
//!
//! Threads that share a connection take turns, each waiting no longer than its deadline. A forked child has a seat of
//! its own. Nothing here waits for chronyd, and no lock is held while a call is under way.

use crate::address::Address;
use crate::per_process::{PerProcess, process_id};
use crate::raw::SLICE;
use crate::session::{Deadline, Session, Stop};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The session of a connection, for one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The thread whose call is using the session.
    taken: Option<ThreadId>,
    /// How many calls wait for their turn.
    waiting: usize,
    /// The session, while no call is using it.
    idle: Option<Session>,
    /// Counts how often the connection was closed, so that a call that was under way then does not keep its session.
    closed: u64,
    /// The address that answered last.
    address: Option<Address>,
}

/// The turn of one call. Dropping it lets the next thread in.
pub(crate) struct Turn<'a> {
    seat: &'a Seat,
    pub(crate) session: Option<Session>,
    pub(crate) answered: Option<Address>,
    closed: u64,
    process: u32,
    /// Whether this thread has its turn already, and was asked whether to go on: a handler of a signal that calls, too,
    /// would wait for itself.
    is_nested: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.process != process_id() {
            // A forked child: the seat is the parent's, and its lock may be held for ever.
            return;
        }
        let mut state = self.seat.lock();
        if state.closed == self.closed {
            if let Some(address) = self.answered.take() {
                state.address = Some(address);
            }
            if let Some(session) = &self.session {
                state.address = Some(session.address.clone());
            }
            if !self.is_nested {
                state.idle = self.session.take();
            }
        }
        if self.is_nested {
            return;
        }
        state.taken = None;
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.seat.freed.notify_one();
        }
    }
}

impl Seat {
    /// The address that answered last.
    pub(crate) fn address(&self) -> Option<Address> {
        self.lock().address.clone()
    }

    /// Drops the session, or has the call that is using it drop it.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed += 1;
        state.address = None;
        let session = state.idle.take();
        drop(state);
        drop(session);
    }

    /// Closes the copies of a parent's sockets in a forked child, unless another thread was at the seat at the time.
    fn close_inherited(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            state.idle = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread of this process has its turn.
    pub(crate) fn take<'a>(seats: &'a PerProcess<Self>, deadline: &Deadline<'_>) -> Result<Turn<'a>, Stop> {
        let (seat, inherited) = seats.get_and_previous();
        if let Some(inherited) = inherited {
            inherited.close_inherited();
        }
        seat.wait(deadline)
    }

    fn wait(&self, deadline: &Deadline<'_>) -> Result<Turn<'_>, Stop> {
        let mut state = self.lock();
        let closed = state.closed;
        let this_thread = thread::current().id();
        let turn =
            |session, is_nested| Turn { seat: self, session, answered: None, closed, process: process_id(), is_nested };
        while let Some(thread) = state.taken {
            if thread == this_thread {
                return Ok(turn(None, true));
            }
            drop(state);
            let slice = deadline.left()?.min(SLICE);
            state = self.lock();
            state.waiting += 1;
            let waited = self.freed.wait_timeout_while(state, slice, |state| state.taken.is_some());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        state.taken = Some(this_thread);
        Ok(turn(state.idle.take(), false))
    }
}
