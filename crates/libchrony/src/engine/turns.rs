//! The queue of calls that share a connection, and the session that is kept between them.
//!
//! Calls take turns in the order of their arrival. A call that ends passes the turn to the call that has waited
//! longest. A forked child has a queue of its own. Nothing here waits: a waiting call is woken through its `Waker`.

use crate::address::Address;
use crate::engine::round_trip::RoundTrip;
use crate::engine::session::Session;
use crate::engine::settings::Settings;
use crate::raw::per_process::{PerProcess, Process};
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::ThreadId;

/// The settings of a connection, the queue of its calls, and its kept session.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) settings: Arc<Settings>,
    state: PerProcess<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The number of the call that has the turn, and the thread that waits for the call, if any.
    taken: Option<(u64, Option<ThreadId>)>,
    /// The waiting calls, in the order of their arrival.
    waiting: VecDeque<(u64, Option<ThreadId>, Waker)>,
    /// The number of the next call.
    next: u64,
    /// The kept session, while no call uses it.
    idle: Option<Box<Session>>,
    /// The number of times that the address was forgotten. A call in progress at that time does not remember its own.
    closed: u64,
    /// The number of times that the session was dropped. A call in progress at that time does not keep its own.
    rested: u64,
    /// The address that answered last, and its round trip. Both outlast the session, which ends on an error.
    answered: Option<(Address, RoundTrip)>,
}

/// The place of one call in the queue. Ending or dropping it passes the turn on.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) turns: Arc<Turns>,
    number: u64,
    process: Process,
    closed: u64,
    rested: u64,
    standing: Standing,
    /// The address that has answered the call, even if only with a refusal.
    pub(crate) answered: Option<Address>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waits,
    Has,
    /// A call from a signal handler that runs during another call of its thread. Waiting for that call would be a
    /// deadlock, so this one uses a session of its own.
    Nested,
    Over,
}

impl Turns {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings: Arc::new(settings), state: PerProcess::new() })
    }

    /// Locks the state of this process. A forked child closes its copies of the parent's sockets and continues at the
    /// parent's address, unless another thread held the lock during the fork.
    fn state(&self) -> MutexGuard<'_, Queue> {
        let (state, inherited) = self.state.get_and_previous();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut inherited) = inherited.and_then(|inherited| inherited.try_lock().ok()) {
            inherited.idle = None;
            if let Some(answered) = inherited.answered.take() {
                state.answered.get_or_insert(answered);
            }
        }
        state
    }

    /// Returns the address that answered last.
    pub(crate) fn address(&self) -> Option<Address> {
        self.state().answered.as_ref().map(|(address, _)| address.clone())
    }

    /// Returns the address that answered last, or the first address in the settings.
    pub(crate) fn found(&self) -> Address {
        self.address().unwrap_or_else(|| self.settings.addresses[0].clone())
    }

    /// Returns true if a session is kept for the next call.
    pub(crate) fn keeps_session(&self) -> bool {
        self.state().idle.is_some()
    }

    /// Drops the kept session. If a call uses it, it is dropped when that call ends. The next call still asks its
    /// address first.
    pub(crate) fn rest(&self) {
        let mut state = self.state();
        state.rested += 1;
        let session = state.idle.take();
        drop(state);
        drop(session);
    }

    /// Forgets the address and drops the session.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed += 1;
        state.answered = None;
        drop(state);
        self.rest();
    }

    /// Joins the queue. `thread` is the thread that waits for the call, if any.
    pub(crate) fn take(self: &Arc<Self>, thread: Option<ThreadId>) -> Turn {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let holder = state.taken.iter().map(|(_, thread)| thread);
        let mut others = holder.chain(state.waiting.iter().map(|(_, thread, _)| thread));
        let standing = match state.taken {
            Some(_) if thread.is_some() && others.any(|other| *other == thread) => Standing::Nested,
            Some(_) => Standing::Waits,
            None => Standing::Has,
        };
        match standing {
            Standing::Has => state.taken = Some((number, thread)),
            Standing::Waits => state.waiting.push_back((number, thread, Waker::noop().clone())),
            Standing::Nested | Standing::Over => {}
        }
        let (closed, rested) = (state.closed, state.rested);
        let (turns, process) = (Arc::clone(self), Process::this());
        Turn { turns, number, process, closed, rested, standing, answered: None }
    }
}

impl Turn {
    /// Returns true if the call has its turn. Otherwise, `waker` is woken when the turn comes.
    pub(crate) fn has_come(&mut self, waker: &Waker) -> bool {
        if self.standing == Standing::Waits {
            let mut state = self.turns.state();
            match state.waiting.iter_mut().find(|(number, ..)| *number == self.number) {
                Some((.., waiting)) => waiting.clone_from(waker),
                None => self.standing = Standing::Has,
            }
        }
        self.standing != Standing::Waits
    }

    /// Takes the kept session, if there is one. A nested call does not get it.
    pub(crate) fn session(&mut self) -> Option<Box<Session>> {
        if self.standing != Standing::Has {
            return None;
        }
        self.turns.state().idle.take()
    }

    /// Returns the address that answered last, and its round trip. The call asks this address first.
    pub(crate) fn known(&self) -> Option<Box<(Address, RoundTrip)>> {
        self.turns.state().answered.clone().map(Box::new)
    }

    /// Remembers the address that answered.
    pub(crate) fn answered(&mut self, session: &Session) {
        self.answered = Some(session.address.clone());
        let mut state = self.turns.state();
        if state.closed == self.closed {
            match &mut state.answered {
                Some((address, round_trip)) if *address == session.address => *round_trip = session.round_trip,
                answered => *answered = Some((session.address.clone(), session.round_trip)),
            }
        }
    }

    /// Remembers the address, and keeps the session for the next call.
    pub(crate) fn keep(&mut self, session: Box<Session>) {
        self.answered(&session);
        let mut state = self.turns.state();
        if self.standing == Standing::Has && state.rested == self.rested {
            state.idle = Some(session);
        }
    }

    /// Leaves the queue, and passes the turn on.
    pub(crate) fn end(&mut self) {
        let standing = mem::replace(&mut self.standing, Standing::Over);
        if self.process.is_forked() || matches!(standing, Standing::Nested | Standing::Over) {
            // The queue is the parent's, and its lock may stay locked forever.
            return;
        }
        let mut state = self.turns.state();
        if standing == Standing::Waits {
            let before = state.waiting.len();
            state.waiting.retain(|(number, ..)| *number != self.number);
            if state.waiting.len() < before {
                return;
            }
            // The turn has already been passed to this call.
        }
        let next = state.waiting.pop_front();
        state.taken = next.as_ref().map(|(number, thread, _)| (*number, *thread));
        drop(state);
        if let Some((.., waker)) = next {
            waker.wake();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end();
    }
}
