//! A call under way that never waits, and what it waits for.

use crate::address::Address;
use crate::engine::machine::{Machine, Progress};
use crate::engine::ready::{Interest, Ready};
use crate::error::Error;
use crate::report::collect::Gather;
use std::io;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Instant;

/// What a call waits for.
#[derive(Debug)]
pub enum Step<T> {
    /// One of its [sockets](Reading::interests), or its turn, until this moment at the latest.
    Wait(Instant),
    /// The addresses of this [host](Address::host), to be told with [`Reading::resolved`]. Meanwhile the call may be
    /// advanced as before: other addresses may answer, and it ends by its deadline.
    Resolve(Address),
    /// The call is over, and the next one of its connection has its turn.
    Done(Result<T, Error>),
}

/// A call under way.
#[derive(Debug)]
#[must_use = "a reading does nothing unless it is advanced"]
pub struct Reading<G> {
    machine: Machine,
    gather: G,
}

impl<G: Gather> Reading<G> {
    pub(crate) fn new(machine: Machine, gather: G) -> Self {
        Self { machine, gather }
    }

    /// Goes on as far as it can: sends what is to be sent, receives what is there. If the reading
    /// waits for its turn, `waker` is woken when the turn has come.
    ///
    /// It is to be advanced again when one of its sockets is ready, when it is woken, and at the moment that it names.
    /// Advancing it at other times does no harm. Once it is done, advancing it is an error: [`Error::Over`].
    pub fn advance(&mut self, waker: &Waker) -> Step<G::Output> {
        self.go_on(Ready::Any, waker)
    }

    pub(crate) fn go_on(&mut self, ready: Ready<'_>, waker: &Waker) -> Step<G::Output> {
        loop {
            return match self.machine.advance(ready, waker, &mut self.gather) {
                Progress::Wait(until) => Step::Wait(until),
                Progress::Host(host) => Step::Resolve(host),
                Progress::Done(result) => Step::Done(result.map(|()| self.gather.take())),
                Progress::Forked => {
                    self.machine = self.machine.anew();
                    continue;
                }
            };
        }
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
