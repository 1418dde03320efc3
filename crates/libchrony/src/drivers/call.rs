//! A call under way that never waits, and what it waits for.

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

/// A call under way.
#[must_use = "a call does nothing unless it is advanced"]
pub struct Call<T: Reply> {
    machine: Machine,
    records: Collector<T::Record>,
}

impl<T: Reply> Call<T> {
    pub(crate) fn new(turns: &Arc<Turns>, records: Collector<T::Record>) -> Self {
        Self { machine: Machine::new(turns, records.query(), None), records }
    }

    /// Goes on as far as it can: sends what is to be sent, receives what is there. If the call
    /// waits for its turn, `waker` is woken when the turn has come.
    ///
    /// It is to be advanced again when one of its sockets is ready, when it is woken, and at the moment that it names.
    /// Advancing it at other times does no harm. Once it is done, advancing it is an error: [`Error::Over`].
    pub fn advance(&mut self, waker: &Waker) -> Step<Result<T, Error>> {
        self.go_on(Ready::Any, waker)
    }

    pub(crate) fn go_on(&mut self, ready: Ready<'_>, waker: &Waker) -> Step<Result<T, Error>> {
        self.machine.advance(ready, waker, &mut self.records).map(|end| end.map(|()| self.records.take()))
    }

    /// When the call ends at the latest, if it is advanced then.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.machine.end()
    }

    /// Whether it waits for its turn, and so for its waker.
    #[must_use]
    pub fn waits_for_turn(&self) -> bool {
        self.machine.waits_for_turn()
    }

    /// Whether this is a child of the process that started the call, which would make it anew on sockets of its own. An
    /// event loop that a child has inherited shares much with the parent's.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.machine.is_forked()
    }

    /// The sockets that it waits for, each once. They differ from one step to the next; each stays open until then at
    /// least. The step has read them empty, unless it waits until a moment that has passed.
    #[must_use]
    pub fn interests(&self) -> Vec<Interest<'_>> {
        self.machine.interests()
    }

    /// Takes what a resolver tells of the host that was asked for. The port of the addresses is the one to be used.
    pub fn resolved(&mut self, host: Address, addresses: io::Result<Vec<SocketAddr>>) {
        self.machine.resolved(host, addresses.map(|found| found.into_iter().map(Address::udp).collect()));
    }
}

impl<T: Reply> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("machine", &self.machine).finish_non_exhaustive()
    }
}
