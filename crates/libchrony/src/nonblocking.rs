//! Calls that never wait: for event loops, other runtimes, and programs that watch many chronyds at once.
//!
//! A method of a [`Connection`] starts a call and returns it as a [`Reading`]. [`Reading::advance`] takes it as far as
//! it can go and says what it waits for: one of its sockets ([`Reading::interests`]) or a moment. The program waits, in
//! whatever way it waits for its other sockets, and advances it again. Dropping a reading ends the call; the connection
//! stays usable.
//!
//! With plain `poll`:
//!
//! ```
//! # let chronyd = testbed::Chronyd::builder().start()?;
//! # let address = libchrony::Address::parse(chronyd.socket())?;
//! use libchrony::Connection;
//! use libchrony::nonblocking::Step;
//! use rustix::event::{PollFd, PollFlags, Timespec, poll};
//! use std::task::Waker;
//! use std::time::Instant;
//!
//! let chronyd = Connection::builder().address(address).build_nonblocking()?;
//! let mut reading = chronyd.tracking();
//! let tracking = loop {
//!     // No other call uses this connection, so there is no turn to be woken for.
//!     match reading.advance(Waker::noop()) {
//!         Step::Done(result) => break result?,
//!         Step::Resolve(host) => {
//!             let found = std::net::ToSocketAddrs::to_socket_addrs(&host.host().unwrap());
//!             reading.resolved(host, found.map(Iterator::collect));
//!         }
//!         Step::Wait(until) => {
//!             let left = Timespec::try_from(until.saturating_duration_since(Instant::now()))?;
//!             let flags = |write| if write { PollFlags::OUT } else { PollFlags::IN };
//!             let interests = reading.interests();
//!             let mut fds: Vec<_> = interests.iter().map(|one| PollFd::new(one, flags(one.is_to_write()))).collect();
//!             poll(&mut fds, Some(&left))?;
//!         }
//!     }
//! };
//! println!("{:+.9} s off {}", tracking.offset, tracking.reference_id_name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::epoll::Epoll;
pub use crate::gather::{All, Any, ByAddress, Gather, One, Rows};
pub use crate::ready::Interest;

use crate::address::Address;
use crate::error::Error;
use crate::reading::{Machine, Progress, Settings};
use crate::ready::Ready;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the list of reports names them all"))]
use crate::report::*;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

/// A connection to one chronyd whose calls never wait. Made by
/// [`Builder::build_nonblocking`](crate::Builder::build_nonblocking).
///
/// Its calls take turns, in the order in which they were started: a reading that waits for its turn waits for no
/// socket, and its waker is woken. After a fork, readings of the child open sockets of its own.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Settings>);

impl Connection {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self(settings)
    }

    /// As [`Connection::rows`](crate::Connection::rows).
    pub fn rows(&self, table: &'static Table) -> Reading<Rows> {
        self.read(Rows::of(table))
    }

    /// As [`Connection::report`](crate::Connection::report).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownReport`] when libchrony knows no report of this name.
    pub fn report(&self, name: &str) -> Result<Reading<Any>, Error> {
        Ok(self.read(Any::of(self.0.library.report(name)?)))
    }

    /// As [`Connection::connect`](crate::Connection::connect); [`Connection::address`] tells where.
    pub fn connect(&self) -> Reading<Rows> {
        self.read(Rows::none())
    }

    /// The address at which chronyd answered last, or that was connected to since; `None` before that.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.0.turns.address()
    }

    /// Closes the sockets. The next call opens new ones; a call that is under way ends first.
    pub fn close(&self) {
        self.0.turns.close();
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn found(&self) -> Address {
        self.0.found()
    }

    /// A descriptor for all sockets of its calls, for event loops.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] when no descriptor can be had.
    pub fn epoll(&self) -> Result<Epoll, Error> {
        let error = |source| Error::Connect { address: self.0.addresses[0].clone(), source };
        Epoll::new().map_err(error)
    }

    fn read<G: Gather>(&self, gather: G) -> Reading<G> {
        Reading { machine: Machine::new(&self.0, gather.asked(), None), gather }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident: $record:ident => $output:ty;)*) => {
        /// A method for each report.
        impl Connection {
            $(
                $(#[$doc])*
                pub fn $method(&self) -> Reading<<$record as Report>::Gather> {
                    self.read(<$record as Report>::Gather::default())
                }
            )*
        }
    };
}
for_each_report!(methods);

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
    /// Goes on as far as it can: sends what is to be sent, receives what is there. If the reading
    /// waits for its turn, `waker` is woken when the turn has come.
    ///
    /// It is to be advanced again when one of its sockets is ready, when it is woken, and at the moment that it names.
    /// Advancing it at other times does no harm, until it is done.
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
