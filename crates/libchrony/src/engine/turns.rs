//! Whose turn it is to use a connection's session.
//!
//! Calls that share a connection take turns in the order of their arrival. A call that ends hands its turn to the one
//! that has waited longest. A forked child has turns of its own. Nothing here waits: a call that waits is woken.

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

/// The settings of a connection, and its session, for one call at a time.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) settings: Arc<Settings>,
    state: PerProcess<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the call that has the turn, and its thread if that waits for the call.
    taken: Option<(u64, Option<ThreadId>)>,
    /// The calls that wait, in the order of their arrival.
    waiting: VecDeque<(u64, Option<ThreadId>, Waker)>,
    /// The number of the next call.
    next: u64,
    /// The session, while no call is using it.
    idle: Option<Box<Session>>,
    /// How often the connection was closed, so that a call that was under way then does not keep its session.
    closed: u64,
    /// The address that answered last, and the round trip to it. They outlast the session, which an error ends.
    answered: Option<(Address, RoundTrip)>,
}

/// The place of one call: it waits for its turn, or has it. Ending or dropping it hands the turn on.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) turns: Arc<Turns>,
    number: u64,
    process: Process,
    closed: u64,
    place: Place,
    /// The address that has answered the call, if only to refuse.
    pub(crate) answered: Option<Address>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waits,
    Has,
    /// The thread is in a call already, which asked it whether to go on, and a signal's handler calls, too. Waiting for
    /// the turn would be waiting for itself, so this call reads on a session of its own.
    Nested,
    Over,
}

impl Turns {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self { settings: Arc::new(settings), state: PerProcess::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(self.state.get())
    }

    /// The address that answered last.
    pub(crate) fn address(&self) -> Option<Address> {
        self.state().answered.as_ref().map(|(address, _)| address.clone())
    }

    /// The address that the last call has found.
    pub(crate) fn found(&self) -> Address {
        self.address().unwrap_or_else(|| self.settings.addresses[0].clone())
    }

    /// Whether a session is kept for the next call.
    pub(crate) fn keeps_session(&self) -> bool {
        self.state().idle.is_some()
    }

    /// Drops the session that no call is using. The next call asks the same address.
    pub(crate) fn rest(&self) {
        let session = self.state().idle.take();
        drop(session);
    }

    /// Drops the session, or has the call that is using it drop it, and forgets its address.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed += 1;
        state.answered = None;
        let session = state.idle.take();
        drop(state);
        drop(session);
    }

    /// Takes a place. `thread` is the one that waits for the call, if one does.
    pub(crate) fn take(self: &Arc<Self>, thread: Option<ThreadId>) -> Turn {
        let (state, inherited) = self.state.get_and_previous();
        // In a forked child the copies of its parent's sockets are closed, unless another thread was here at the time.
        let mut state = lock(state);
        if let Some(mut inherited) = inherited.and_then(|inherited| inherited.try_lock().ok()) {
            inherited.idle = None;
            if let Some(answered) = inherited.answered.take() {
                state.answered.get_or_insert(answered);
            }
        }
        let number = state.next;
        state.next += 1;
        let holder = state.taken.iter().map(|(_, thread)| thread);
        let mut others = holder.chain(state.waiting.iter().map(|(_, thread, _)| thread));
        let place = match state.taken {
            Some(_) if thread.is_some() && others.any(|other| *other == thread) => Place::Nested,
            Some(_) => Place::Waits,
            None => Place::Has,
        };
        match place {
            Place::Has => state.taken = Some((number, thread)),
            Place::Waits => state.waiting.push_back((number, thread, Waker::noop().clone())),
            Place::Nested | Place::Over => {}
        }
        Turn { turns: Arc::clone(self), number, process: Process::this(), closed: state.closed, place, answered: None }
    }
}

impl State {
    fn remember(&mut self, session: &Session) {
        match &mut self.answered {
            Some((address, round_trip)) if *address == session.address => *round_trip = session.round_trip,
            answered => *answered = Some((session.address.clone(), session.round_trip)),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turn {
    /// Whether the call has its turn. If not, `waker` is woken when it has.
    pub(crate) fn has_come(&mut self, waker: &Waker) -> bool {
        if self.place == Place::Waits {
            let mut state = self.turns.state();
            match state.waiting.iter_mut().find(|(number, ..)| *number == self.number) {
                Some((.., waiting)) => waiting.clone_from(waker),
                None => self.place = Place::Has,
            }
        }
        self.place != Place::Waits
    }

    /// The session that the last call left. A connection that was closed in between has none.
    pub(crate) fn session(&mut self) -> Option<Box<Session>> {
        if self.place != Place::Has {
            return None;
        }
        self.turns.state().idle.take()
    }

    /// The address that answered last, which is asked first, and the round trip to it.
    pub(crate) fn known(&self) -> Option<Box<(Address, RoundTrip)>> {
        self.turns.state().answered.clone().map(Box::new)
    }

    /// Remembers the address at which chronyd answered. The session has ended.
    pub(crate) fn answered(&mut self, session: &Session) {
        self.answered = Some(session.address.clone());
        let mut state = self.turns.state();
        if state.closed == self.closed {
            state.remember(session);
        }
    }

    /// Remembers the address, and leaves the session for the next call.
    pub(crate) fn keep(&mut self, session: Box<Session>) {
        self.answered = Some(session.address.clone());
        let mut state = self.turns.state();
        if state.closed != self.closed {
            drop(state);
            drop(session);
            return;
        }
        state.remember(&session);
        if self.place == Place::Has {
            state.idle = Some(session);
        }
    }

    /// Hands the turn on.
    pub(crate) fn end(&mut self) {
        let place = mem::replace(&mut self.place, Place::Over);
        if self.process.is_forked() || matches!(place, Place::Nested | Place::Over) {
            // In a forked child the turns are the parent's, and the lock may be held for ever.
            return;
        }
        let mut state = self.turns.state();
        if place == Place::Waits {
            let before = state.waiting.len();
            state.waiting.retain(|(number, ..)| *number != self.number);
            if state.waiting.len() < before {
                return;
            }
            // It has been given the turn and does not know yet.
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
