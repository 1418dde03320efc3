//! The addresses and settings of a fleet, and the sessions that it keeps between rounds. The order of requests is left
//! to `round`.

use super::descriptors::Descriptors;
use crate::address::Address;
use crate::drivers::watch::Epoll;
use crate::engine::policy::{DEFAULT_IN_FLIGHT, DEFAULT_TIMEOUT, MAX_TIMEOUT, TRIES_IN_FLEETS};
use crate::engine::quota::{Quota, Quotas};
use crate::engine::settings::{Lanes, Settings};
use crate::engine::turns::Turns;
use crate::error::{AT_LEAST_1, Error, LONGER_THAN_0};
use crate::library::Library;
use crate::raw::socket::Waits;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A builder for a [`Fleet`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    addresses: Vec<Address>,
    library: Option<Library>,
    timeout: Duration,
    deadline: Duration,
    in_flight: usize,
    lanes: Lanes,
    raise: bool,
}

impl Builder {
    /// Sets the libchrony to use. By default, [`Library::load`] finds it.
    pub fn library(mut self, library: Library) -> Self {
        self.library = Some(library);
        self
    }

    /// Sets the timeout for all reports of one address, from its first request. It must be longer than 0; the default
    /// is 5 s. A report for which no time is left fails with [`Error::NotAsked`]. [`Fleet::read_from`] reads further
    /// reports in the time that is left.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the time limit of a round, which must be longer than 0. By default there is no limit. An address that was
    /// not asked in time fails with [`Error::NotAsked`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the number of addresses that are read at once, at least 1. The default is [`DEFAULT_IN_FLIGHT`]. An address
    /// that has been silent for a tenth of a second no longer counts, but is listened to until its timeout.
    pub fn in_flight(mut self, addresses: usize) -> Self {
        self.in_flight = addresses;
        self
    }

    /// Sets the number of lanes that read the list of one address, like [`Builder::lanes`](crate::Builder::lanes). By
    /// default it is 1, because many addresses are read at the same time.
    pub fn lanes(mut self, most: usize, records_each: usize) -> Self {
        self.lanes = Lanes { most, records_each };
        self
    }

    /// Raises this process's soft limit on open files, as far as the fleet needs it and the hard limit allows.
    pub fn raise_descriptor_limit(mut self) -> Self {
        self.raise = true;
        self
    }

    /// Builds the fleet. No socket is opened before the first round.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] if no libchrony can be loaded, [`Error::EventQueue`] if the event queue cannot be created,
    /// and [`Error::Setting`] if a setting is invalid.
    pub fn build(self) -> Result<Fleet, Error> {
        Error::check(!self.timeout.is_zero(), "the timeout", LONGER_THAN_0)?;
        Error::check(!self.deadline.is_zero(), "the deadline", LONGER_THAN_0)?;
        Error::check(self.in_flight > 0, "the number of addresses that are asked at once", AT_LEAST_1)?;
        self.lanes.check()?;
        let library = self.library.map_or_else(Library::load, Ok)?;
        let descriptors = Descriptors::of(self.addresses.len(), self.raise);
        let queue = Epoll::new().map_err(|source| Error::EventQueue { source: source.into() })?;
        // Each address can always have one session. The remaining sessions may make reads faster.
        let sessions = descriptors.sessions().max(1);
        let first = sessions.min(self.addresses.len());
        let quotas = Quotas { first: Quota::of(first), further: Quota::of(sessions - first), tries: TRIES_IN_FLEETS };
        let member = |address| {
            Turns::new(Settings {
                library: library.clone(),
                addresses: Arc::new([address]),
                timeout: self.timeout,
                deadline: None,
                lanes: self.lanes,
                waits: Waits::Never,
                quotas: quotas.clone(),
            })
        };
        let timeout = self.timeout.min(MAX_TIMEOUT);
        Ok(Fleet {
            members: self.addresses.iter().cloned().map(member).collect(),
            left: vec![timeout; self.addresses.len()],
            addresses: self.addresses.into(),
            timeout,
            deadline: self.deadline,
            in_flight: self.in_flight,
            library,
            descriptors,
            queue,
            quota: quotas.first,
        })
    }
}

/// A set of chronyds, which one thread reads at the same time.
///
/// A fleet keeps a session with each address from one round to the next. The number of sessions is bounded by
/// the limit on open files and the machine's UDP ports. Beyond it, a session is closed when another address needs one.
///
/// A failure is the result of its address only. All reports of one result come from one chronyd, even if a host has
/// several. After a fork, the child opens its own sockets.
pub struct Fleet {
    addresses: Arc<[Address]>,
    pub(super) members: Vec<Arc<Turns>>,
    pub(super) timeout: Duration,
    /// The time that each address has left of its timeout, for further reports.
    pub(super) left: Vec<Duration>,
    pub(super) deadline: Duration,
    pub(super) in_flight: usize,
    pub(super) library: Library,
    descriptors: Descriptors,
    pub(super) queue: Epoll,
    /// The quota of first sessions.
    pub(super) quota: Quota,
}

impl Fleet {
    /// Returns a builder with these addresses. Each address is read on its own. A host name stands for all addresses of
    /// the host.
    pub fn builder(addresses: Vec<Address>) -> Builder {
        Builder {
            addresses,
            library: None,
            timeout: DEFAULT_TIMEOUT,
            deadline: MAX_TIMEOUT,
            in_flight: DEFAULT_IN_FLIGHT,
            lanes: Lanes { most: 1, records_each: 1 },
            raise: false,
        }
    }

    /// Returns the addresses, in the given order. They do not borrow the fleet, so a loop over a round can use them.
    #[must_use]
    pub fn addresses(&self) -> Arc<[Address]> {
        Arc::clone(&self.addresses)
    }

    /// Returns the address at which the chronyd with this index answered last. Returns `None` before that, and after
    /// [`close`](Self::close). All reports of one result come from one address.
    ///
    /// # Panics
    ///
    /// If `index` is out of range.
    #[must_use]
    pub fn address(&self, index: usize) -> Option<Address> {
        self.members[index].address()
    }

    /// Returns the number of descriptors that the fleet needs and the number that it may use.
    #[must_use]
    pub fn descriptors(&self) -> Descriptors {
        self.descriptors
    }

    /// Closes all sockets. The next round opens new ones.
    pub fn close(&mut self) {
        self.members.iter().for_each(|member| member.close());
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("addresses", &self.members.len())
            .field("timeout", &self.timeout)
            .field("descriptors", &self.descriptors)
            .finish_non_exhaustive()
    }
}
