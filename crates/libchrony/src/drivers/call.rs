//! A call in progress, for drivers that do not block. The waiting is left to the program that advances the call.

use crate::address::Address;
use crate::engine::machine::Machine;
use crate::engine::ready::{Interest, Ready, Step};
use crate::engine::turns::Turns;
use crate::error::Error;
use crate::report::collect::{Collect, Collector, Reply};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;
use std::{fmt, io};

/// A call in progress.
#[must_use = "a call does nothing unless it is advanced"]
pub struct Call<T: Reply> {
    machine: Machine,
    records: Collector<T::Record>,
}

impl<T: Reply> Call<T> {
    pub(crate) fn new(turns: &Arc<Turns>, records: Collector<T::Record>) -> Self {
        Self { machine: Machine::new(turns, records.query(), None), records }
    }

    /// Sends and receives as much as possible without blocking. If the call waits for its turn, `waker` is woken when
    /// the turn comes.
    ///
    /// The call must be advanced again when one of its sockets is ready, when `waker` is woken, and at the returned
    /// moment. At other times this is harmless. Once the call is done, advancing it returns [`Error::Over`].
    pub fn advance(&mut self, waker: &Waker) -> Step<Result<T, Error>> {
        self.go_on(Ready::Any, waker)
    }

    pub(crate) fn go_on(&mut self, ready: Ready<'_>, waker: &Waker) -> Step<Result<T, Error>> {
        self.machine.advance(ready, waker, &mut self.records).map(|end| end.map(|()| self.records.take()))
    }

    /// Returns the deadline of the call. The call ends then if it is advanced.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.machine.end()
    }

    /// Returns true if the call waits for its turn, and so for its waker.
    #[must_use]
    pub fn waits_for_turn(&self) -> bool {
        self.machine.waits_for_turn()
    }

    /// Returns true in a forked child of the process that started the call. There the call starts again, on new
    /// sockets. Do not use an inherited event loop in the child: its epoll set is still the parent's.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.machine.is_forked()
    }

    /// Returns the sockets that the call waits for, each once. The sockets may differ after each step, and stay open
    /// until the next one. The step has read all datagrams from them, unless it returned a moment that has passed.
    #[must_use]
    pub fn interests(&self) -> Vec<Interest<'_>> {
        self.machine.interests()
    }

    /// Takes the result of looking up the requested host. The addresses must have the port to use.
    pub fn resolved(&mut self, host: Address, addresses: io::Result<Vec<SocketAddr>>) {
        self.machine.resolved(host, addresses.map(|found| found.into_iter().map(Address::udp).collect()));
    }
}

impl<T: Reply> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("machine", &self.machine).finish_non_exhaustive()
    }
}
