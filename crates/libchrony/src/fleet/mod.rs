//! Many chronyds in one thread: the same reports of thousands of addresses, round after round.
//!
//! ```
//! # let (one, other) = (testbed::Scripted::start(Default::default())?, testbed::Scripted::start(Default::default())?);
//! # let addresses = [&one, &other].map(|chronyd| format!("127.0.0.1:{}", chronyd.command_port()).parse().unwrap());
//! use libchrony::fleet::Fleet;
//! use libchrony::{Address, Source, Tracking};
//! use std::time::Duration;
//!
//! let addresses: Vec<Address> = addresses.into();
//! let mut fleet = Fleet::builder(addresses).timeout(Duration::from_secs(2)).build()?;
//! // In the order in which they come.
//! for (index, tracking) in fleet.read::<Tracking>() {
//!     match tracking {
//!         Ok(tracking) => println!("{}: {:+.9} s off", index, tracking.offset),
//!         Err(error) => println!("{index}: {error}"),
//!     }
//! }
//! // The next round uses the same sockets.
//! for (index, (tracking, sources)) in fleet.read::<(Tracking, Vec<Source>)>() {
//!     println!("{index}: stratum {}, {} sources", tracking?.stratum, sources?.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod call;
mod descriptors;
mod queue;
mod reports;
mod round;

pub use descriptors::Descriptors;
pub use reports::Reports;
pub use round::{Round, Step};

use crate::Library;
use crate::address::Address;
use crate::clock::FOREVER;
use crate::connection::DEFAULT_TIMEOUT;
use crate::error::Error;
use crate::flight::Lanes;
use crate::raw::socket::Waits;
use crate::reading::Settings;
use crate::report::Table;
use crate::room::{Room, Rooms};
use crate::turns::Turns;
use queue::Queue;
use reports::Parts;
use std::borrow::BorrowMut;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// On how many sessions at once a request waits for its answer. With one, an answer that comes after the request was
/// sent again would not count.
const TRIES: usize = 2;
/// How many addresses are asked at once, unless told otherwise.
pub const DEFAULT_IN_FLIGHT: usize = 256;

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
        self.in_flight = addresses.max(1);
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
    /// [`Error::Library`] when no libchrony can be loaded, and [`Error::EventQueue`].
    pub fn build(self) -> Result<Fleet, Error> {
        let library = self.library.map_or_else(Library::load, Ok)?;
        let descriptors = Descriptors::of(self.addresses.len(), self.raise);
        let queue = Queue::new().map_err(|source| Error::EventQueue { source: source.into() })?;
        // An address can always have one session, and what is left may make things quicker.
        let sessions = descriptors.sessions().max(1);
        let first = sessions.min(self.addresses.len());
        let rooms = Rooms { first: Room::of(first), further: Room::of(sessions - first), tries: TRIES };
        let settings = |address| {
            Arc::new(Settings {
                library: library.clone(),
                addresses: Arc::new([address]),
                timeout: self.timeout,
                lanes: self.lanes,
                waits: Waits::Never,
                rooms: rooms.clone(),
                turns: Arc::new(Turns::new()),
            })
        };
        Ok(Fleet {
            members: self.addresses.into_iter().map(settings).collect(),
            timeout: self.timeout,
            deadline: self.deadline,
            in_flight: self.in_flight,
            descriptors,
            queue,
            room: rooms.first,
        })
    }
}

/// Many chronyds, which one thread reads at the same time.
///
/// It keeps a session with each address from one round to the next, as far as the limit on open files and the machine's
/// UDP ports allow: sessions beyond that are closed after each read. A failure is the result of its address and
/// disturbs no other. After a fork the child opens sockets of its own.
pub struct Fleet {
    members: Vec<Arc<Settings>>,
    timeout: Duration,
    deadline: Duration,
    in_flight: usize,
    descriptors: Descriptors,
    queue: Queue,
    /// For the first sessions.
    room: Room,
}

impl Fleet {
    /// Starts a fleet with these addresses, to be told more. Each is tried alone; the address of a host stands for all
    /// of that host's.
    pub fn builder(addresses: Vec<Address>) -> Builder {
        Builder {
            addresses,
            library: None,
            timeout: DEFAULT_TIMEOUT,
            deadline: FOREVER,
            in_flight: DEFAULT_IN_FLIGHT,
            lanes: Lanes { most: 1, records_each: 1 },
            raise: false,
        }
    }

    /// Reads reports of all addresses. Each comes once, with its index among the addresses, in the order in which they
    /// end.
    ///
    /// The round goes on only while the next result is asked for. Dropping the round ends it; the fleet
    /// stays usable.
    #[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
    pub fn read<R: Reports<Parts: Parts<What = ()>>>(&mut self) -> Round<&mut Self, R> {
        Round::new(self, ())
    }

    /// As [`Fleet::read`], with reports that are chosen while the program runs. The round has the fleet, or borrows it.
    ///
    /// # Panics
    ///
    /// If none is chosen.
    pub fn read_chosen<F: BorrowMut<Self>>(fleet: F, tables: Vec<&'static Table>) -> Round<F, Vec<&'static Table>> {
        assert!(!tables.is_empty(), "no report is chosen");
        Round::new(fleet, tables)
    }

    /// The addresses, in their order.
    #[must_use]
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = &Address> {
        self.members.iter().map(|member| &member.addresses[0])
    }

    /// How many descriptors it needs, and how many there are.
    #[must_use]
    pub fn descriptors(&self) -> Descriptors {
        self.descriptors
    }

    /// Closes all sockets. The next round opens new ones.
    pub fn close(&mut self) {
        self.members.iter().for_each(|member| member.turns.close());
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
