//! The addresses of a fleet, and what it keeps for them from one round to the next.

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

/// Makes a [`Fleet`].
#[derive(Debug)]
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
    /// The libchrony to use; found by [`Library::load`] by default.
    pub fn library(mut self, library: Library) -> Self {
        self.library = Some(library);
        self
    }

    /// The time that one address has for all of its reports, from the moment at which it is asked; 5 s by default. A
    /// report for which no time is left fails with [`Error::NotAsked`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The time that a round takes at most; without a limit by default. An address that has not been asked by then
    /// fails with [`Error::NotAsked`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many addresses are asked at once, at most; [`DEFAULT_IN_FLIGHT`] by default. One that has been silent for a
    /// tenth of a second is listened to until its time is over, but is not counted any more.
    pub fn in_flight(mut self, addresses: usize) -> Self {
        self.in_flight = addresses;
        self
    }

    /// As [`Builder::lanes`](crate::Builder::lanes). By default one lane reads the list of one address, since
    /// many addresses are read at the same time.
    pub fn lanes(mut self, most: usize, records_each: usize) -> Self {
        self.lanes = Lanes { most, records_each };
        self
    }

    /// Raises this process's soft limit on open files, as far as the fleet needs it and the hard limit allows.
    pub fn raise_descriptor_limit(mut self) -> Self {
        self.raise = true;
        self
    }

    /// Makes the fleet. No socket is opened before the first round.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when no libchrony can be loaded, [`Error::EventQueue`], and [`Error::Setting`].
    pub fn build(self) -> Result<Fleet, Error> {
        Error::check(!self.timeout.is_zero(), "the timeout", LONGER_THAN_0)?;
        Error::check(!self.deadline.is_zero(), "the deadline", LONGER_THAN_0)?;
        Error::check(self.in_flight > 0, "the number of addresses that are asked at once", AT_LEAST_1)?;
        self.lanes.check()?;
        let library = self.library.map_or_else(Library::load, Ok)?;
        let descriptors = Descriptors::of(self.addresses.len(), self.raise);
        let queue = Epoll::new().map_err(|source| Error::EventQueue { source: source.into() })?;
        // An address can always have one session, and what is left may make things quicker.
        let sessions = descriptors.sessions().max(1);
        let first = sessions.min(self.addresses.len());
        let quotas = Quotas { first: Quota::of(first), further: Quota::of(sessions - first), tries: TRIES_IN_FLEETS };
        let member = |address| {
            Turns::new(Settings {
                library: library.clone(),
                addresses: Arc::new([address]),
                timeout: self.timeout,
                lanes: self.lanes,
                waits: Waits::Never,
                quotas: quotas.clone(),
            })
        };
        Ok(Fleet {
            members: self.addresses.iter().cloned().map(member).collect(),
            addresses: self.addresses.into(),
            timeout: self.timeout,
            deadline: self.deadline,
            in_flight: self.in_flight,
            library,
            descriptors,
            queue,
            quota: quotas.first,
        })
    }
}

/// Many chronyds, which one thread reads at the same time.
///
/// It keeps a session with each address from one round to the next, as far as the limit on open files and the machine's
/// UDP ports allow: sessions beyond that are closed after each read. A failure is the result of its address and
/// disturbs no other. All reports of one result come from one chronyd, also where a host has several. After a fork the child opens sockets of its own.
pub struct Fleet {
    addresses: Arc<[Address]>,
    pub(super) members: Vec<Arc<Turns>>,
    pub(super) timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) in_flight: usize,
    pub(super) library: Library,
    descriptors: Descriptors,
    pub(super) queue: Epoll,
    /// The quota of first sessions.
    pub(super) quota: Quota,
}

impl Fleet {
    /// Starts a fleet with these addresses, to be told more. Each is tried alone; the address of a host stands for all
    /// of that host's.
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

    /// The addresses, in the order in which the fleet was given them. They do not borrow the fleet, so that the loop over
    /// a round can use them.
    #[must_use]
    pub fn addresses(&self) -> Arc<[Address]> {
        Arc::clone(&self.addresses)
    }

    /// The address at which the chronyd with this index answered last; `None` before that, and after
    /// [`close`](Self::close). All reports of one result come from one address.
    ///
    /// # Panics
    ///
    /// If no address has the index.
    #[must_use]
    pub fn address(&self, index: usize) -> Option<Address> {
        self.members[index].address()
    }

    /// How many descriptors it needs, and how many there are.
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
