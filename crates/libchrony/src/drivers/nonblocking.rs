//! Calls that never wait, for event loops, other runtimes, and programs that watch many chronyds at once.
//!
//! A method of a [`Connection`] starts a call and returns it as a [`Call`]. [`Call::advance`] goes as far as it can,
//! and returns what the call waits for: one of its sockets ([`Call::interests`]) or a moment. The program waits as for
//! its other sockets, and advances the call again. Dropping a call cancels it. The connection stays usable.
//!
//! Opening a socket can still wait, for two reasons. Sockets are opened one at a time, so a call waits while other
//! threads open theirs. And a Unix socket needs its file system. An opening takes a fraction of a millisecond. If a
//! thread hangs in a file system, the others continue after at most a second. If that is too long for your program, use
//! only the command port.
//!
//! An example with plain `poll`:
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
//! let mut call = chronyd.tracking();
//! let tracking = loop {
//!     // No other call uses this connection, so there is no turn to be woken for.
//!     match call.advance(Waker::noop()) {
//!         Step::Done(result) => break result?,
//!         Step::Resolve(host) => {
//!             let found = std::net::ToSocketAddrs::to_socket_addrs(&host.host().unwrap());
//!             call.resolved(host, found.map(Iterator::collect));
//!         }
//!         Step::Wait(until) => {
//!             let left = Timespec::try_from(until.saturating_duration_since(Instant::now()))?;
//!             let flags = |write| if write { PollFlags::OUT } else { PollFlags::IN };
//!             let interests = call.interests();
//!             let mut fds: Vec<_> = interests.iter().map(|one| PollFd::new(one, flags(one.is_to_write()))).collect();
//!             poll(&mut fds, Some(&left))?;
//!         }
//!     }
//! };
//! println!("{:+.9} s off {}", tracking.offset, tracking.reference_id_name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::drivers::call::Call;
pub use crate::drivers::watch::Epoll;
pub use crate::engine::ready::{Interest, Step};
pub use crate::raw::per_process::Process;
pub use crate::report::collect::Reply;

use crate::address::Address;
use crate::engine::turns::Turns;
use crate::error::Error;
use crate::report::Table;
use crate::report::collect::{AnyRecords, Collector, Readable, Rows};
use std::sync::Arc;

/// A connection to one chronyd whose calls never wait, except [to open a socket](self).
/// [`Builder::build_nonblocking`](crate::Builder::build_nonblocking) creates it.
///
/// Calls take turns, in the order in which they were started. A call that waits for its turn does not wait for a
/// socket, and its waker is woken when the turn comes. After a fork, the child's calls open their own sockets.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Turns>);

impl Connection {
    pub(crate) fn new(turns: Arc<Turns>) -> Self {
        Self(turns)
    }

    /// Reads a report, like [`Connection::read`](crate::Connection::read).
    pub fn read<R: Readable>(&self) -> Call<R> {
        Call::new(&self.0, Collector::default())
    }

    /// Reads any report that has a table, like [`Connection::rows`](crate::Connection::rows).
    pub fn rows(&self, table: &'static Table) -> Call<Rows> {
        Call::new(&self.0, Collector::of(table))
    }

    /// Reads any report that libchrony knows, like [`Connection::report`](crate::Connection::report).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownReport`] if libchrony does not know a report of this name.
    pub fn report(&self, name: &str) -> Result<Call<AnyRecords>, Error> {
        Ok(Call::new(&self.0, Collector::named(self.0.settings.library.report(name)?)))
    }

    /// Finds a chronyd, like [`Connection::connect`](crate::Connection::connect). [`Connection::address`] then returns
    /// its address.
    pub fn connect(&self) -> Call<()> {
        Call::new(&self.0, Collector::contact())
    }

    /// Returns the address at which chronyd answered last, or to which [`connect`](Self::connect) has connected since.
    /// Returns `None` before either.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.0.address()
    }

    /// Closes the sockets. The next call opens new ones. A call in progress continues, and closes its socket when it
    /// ends.
    pub fn close(&self) {
        self.0.close();
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn found(&self) -> Address {
        self.0.found()
    }

    /// Returns a descriptor for all sockets of the connection's calls, for event loops.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if the descriptor cannot be created.
    pub fn epoll(&self) -> Result<Epoll, Error> {
        Epoll::new().map_err(|source| Error::Connect { address: self.0.found(), source: source.into() })
    }
}
