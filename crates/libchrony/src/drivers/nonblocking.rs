//! Calls that never wait: for event loops, other runtimes, and programs that watch many chronyds at once.
//!
//! A method of a [`Connection`] starts a call and returns it as a [`Call`]. [`Call::advance`] takes it as far as
//! it can go and says what it waits for: one of its sockets ([`Call::interests`]) or a moment. The program waits, in
//! whatever way it waits for its other sockets, and advances it again. Dropping a reading ends the call; the connection
//! stays usable.
//!
//! A call does wait to open a socket: while other threads open theirs, since that is done one after the other, and for
//! the file system of a Unix socket. An opening takes a fraction of a millisecond. If a thread hangs in a file system,
//! the others go on after a second at most. Programs for which that is too long use the command port alone.
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
use crate::report::collect::{AnyRecords, Collector, Readable, Rows};
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the list of reports names them all"))]
use crate::report::*;
use std::sync::Arc;

/// A connection to one chronyd whose calls never wait, except [to open a socket](self). Made by
/// [`Builder::build_nonblocking`](crate::Builder::build_nonblocking).
///
/// Its calls take turns, in the order in which they were started: a reading that waits for its turn waits for no
/// socket, and its waker is woken. After a fork, readings of the child open sockets of its own.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Turns>);

impl Connection {
    pub(crate) fn new(turns: Arc<Turns>) -> Self {
        Self(turns)
    }

    /// As [`Connection::read`](crate::Connection::read).
    pub fn read<R: Readable>(&self) -> Call<R> {
        Call::new(&self.0, Collector::default())
    }

    /// As [`Connection::rows`](crate::Connection::rows).
    pub fn rows(&self, table: &'static Table) -> Call<Rows> {
        Call::new(&self.0, Collector::of(table))
    }

    /// As [`Connection::report`](crate::Connection::report).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownReport`] when libchrony knows no report of this name.
    pub fn report(&self, name: &str) -> Result<Call<AnyRecords>, Error> {
        Ok(Call::new(&self.0, Collector::named(self.0.settings.library.report(name)?)))
    }

    /// As [`Connection::connect`](crate::Connection::connect); [`Connection::address`] tells where.
    pub fn connect(&self) -> Call<()> {
        Call::new(&self.0, Collector::contact())
    }

    /// The address at which chronyd answered last, or that was connected to since; `None` before that.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.0.address()
    }

    /// Closes the sockets. The next call opens new ones; a call that is under way ends first.
    pub fn close(&self) {
        self.0.close();
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
        Epoll::new().map_err(|source| Error::Connect { address: self.0.found(), source: source.into() })
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident: $record:ident => $output:ty;)*) => {
        /// A method for each report.
        impl Connection {
            $(
                $(#[$doc])*
                pub fn $method(&self) -> Call<$output> {
                    self.read()
                }
            )*
        }
    };
}
for_each_report!(methods);
