//! A connection to one chronyd: its settings, and a method for each report.
//!
//! A [`Connection`] opens its socket on first use, and keeps its session for the next call. `engine::machine` has the
//! steps of a call, and `drivers::blocking` waits.

use crate::address::Address;
use crate::drivers::blocking::{self, Interrupt};
use crate::drivers::nonblocking::{self, Call};
#[cfg(feature = "tokio")]
use crate::drivers::tokio::AsyncConnection;
use crate::engine::machine::Machine;
use crate::engine::policy::{DEFAULT_LANES, DEFAULT_RECORDS_PER_LANE, DEFAULT_TIMEOUT, SHORT_WAIT};
use crate::engine::quota::Quotas;
use crate::engine::settings::{Lanes, Settings};
use crate::engine::turns::Turns;
use crate::error::{Error, LONGER_THAN_0};
use crate::library::Library;
use crate::raw::socket::Waits;
use crate::report::collect::{AnyRecords, Collect, Collector, Readable, Reply, Rows};
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the list of reports names them all"))]
use crate::report::*;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A builder for a [`Connection`].
#[must_use]
pub struct Builder {
    addresses: Vec<Address>,
    timeout: Duration,
    deadline: Option<Instant>,
    library: Option<Library>,
    lanes: Lanes,
    interrupt: Box<Interrupt>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("addresses", &self.addresses)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Sets the address of chronyd. By default, [`Address::defaults`] are tried.
    pub fn address(self, address: Address) -> Self {
        self.addresses(vec![address])
    }

    /// Sets the addresses to try, at least one. The first one that answers is used for as long as it answers.
    pub fn addresses(mut self, addresses: Vec<Address>) -> Self {
        self.addresses = addresses;
        self
    }

    /// Sets the number of lanes: sessions that read a long list in parallel. One lane is opened for every
    /// `records_each` records, up to `most` lanes. Both numbers must be at least 1. `most` is [`DEFAULT_LANES`] by
    /// default, and `records_each` is [`DEFAULT_RECORDS_PER_LANE`]. A single lane reads a list record by record.
    pub fn lanes(mut self, most: usize, records_each: usize) -> Self {
        self.lanes = Lanes { most, records_each };
        self
    }

    /// Sets the timeout of a call, which must be longer than 0. The default is 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets a moment at which every call ends at the latest, so that several calls share one timeout. By default
    /// only the timeout ends a call.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the libchrony to use. By default, [`Library::load`] finds it.
    pub fn library(mut self, library: Library) -> Self {
        self.library = Some(library);
        self
    }

    /// Sets a function that is called about every 50 ms while a call waits, and after each signal. When it returns
    /// true, the call ends with [`Error::Interrupted`].
    pub fn interrupt(mut self, interrupt: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.interrupt = Box::new(interrupt);
        self
    }

    /// Builds a connection. No socket is opened until its first use.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] if no libchrony can be loaded, and [`Error::Setting`] if a setting is invalid.
    pub fn build(mut self) -> Result<Connection, Error> {
        let slice = self.timeout.clamp(Duration::from_millis(1), SHORT_WAIT);
        let interrupt = mem::replace(&mut self.interrupt, Box::new(|| false));
        Ok(Connection { turns: self.turns(Waits::UpTo(slice))?, interrupt })
    }

    /// Builds a connection for event loops and for programs that watch many chronyds.
    ///
    /// Its calls never wait, except [to open a socket](nonblocking). They ignore [`Builder::interrupt`].
    ///
    /// # Errors
    ///
    /// [`Error::Library`] if no libchrony can be loaded, and [`Error::Setting`] if a setting is invalid.
    pub fn build_nonblocking(self) -> Result<nonblocking::Connection, Error> {
        self.turns(Waits::Never).map(nonblocking::Connection::new)
    }

    /// Builds a connection for tokio. Its calls ignore [`Builder::interrupt`].
    ///
    /// # Errors
    ///
    /// [`Error::Library`] if no libchrony can be loaded, and [`Error::Setting`] if a setting is invalid.
    #[cfg(feature = "tokio")]
    pub fn build_async(self) -> Result<AsyncConnection, Error> {
        self.build_nonblocking().map(AsyncConnection::new)
    }

    fn turns(self, waits: Waits) -> Result<Arc<Turns>, Error> {
        let has_addresses = !self.addresses.is_empty();
        Error::check(
            has_addresses,
            "the list of addresses",
            "not be empty. Without a list, the default ones are tried",
        )?;
        Error::check(!self.timeout.is_zero(), "the timeout", LONGER_THAN_0)?;
        self.lanes.check()?;
        Ok(Turns::new(Settings {
            library: self.library.map_or_else(Library::load, Ok)?,
            addresses: self.addresses.into(),
            timeout: self.timeout,
            deadline: self.deadline,
            lanes: self.lanes,
            waits,
            quotas: Quotas::default(),
        }))
    }
}

/// A connection to one chronyd, with a method for each report.
///
/// Threads that share a connection take turns. After a fork, the child gets its own socket on its first call. After a
/// restart of chronyd, the next call works.
///
/// A connection keeps the address that has answered for as long as this address answers, even with a refusal or invalid
/// data. When the address is silent or gone, the call looks up host names again and tries all addresses in order.
///
/// # Examples
///
/// ```no_run
/// use libchrony::Connection;
///
/// let chronyd = Connection::builder().build()?;
/// let tracking = chronyd.tracking()?;
/// println!("{} s off {}", tracking.offset, tracking.reference_id_name);
/// for source in chronyd.sources()? {
///     println!("{}: {}", source.address, source.state);
/// }
/// # Ok::<(), libchrony::Error>(())
/// ```
#[doc(alias = "chrony_session")]
pub struct Connection {
    turns: Arc<Turns>,
    interrupt: Box<Interrupt>,
}

impl Connection {
    /// Returns a builder with the default addresses.
    pub fn builder() -> Builder {
        Builder {
            addresses: Address::defaults(),
            timeout: DEFAULT_TIMEOUT,
            deadline: None,
            lanes: Lanes { most: DEFAULT_LANES, records_each: DEFAULT_RECORDS_PER_LANE },
            library: None,
            interrupt: Box::new(|| false),
        }
    }

    /// Reads a report as the type that its own method returns, for code that is generic over reports.
    ///
    /// # Errors
    ///
    /// The errors of the report's own method.
    ///
    /// # Examples
    ///
    /// ```
    /// # let chronyd = testbed::Chronyd::builder().start()?;
    /// # let address = libchrony::Address::parse(chronyd.socket())?;
    /// use libchrony::{Connection, Error, Readable, Source, Tracking};
    ///
    /// /// Reads a report again if chronyd went away.
    /// fn read_twice<R: Readable>(chronyd: &Connection) -> Result<R, Error> {
    ///     match chronyd.read() {
    ///         Err(Error::Exchange { .. }) => chronyd.read(),
    ///         result => result,
    ///     }
    /// }
    ///
    /// let chronyd = Connection::builder().address(address).build()?;
    /// let tracking: Tracking = read_twice(&chronyd)?;
    /// let sources: Vec<Source> = read_twice(&chronyd)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read<R: Readable>(&self) -> Result<R, Error> {
        self.gather(Collector::default())
    }

    /// Reads any report that has a table, and returns its records in chronyd's order. `None` stands for a reference
    /// clock, which does not have a record in some reports.
    ///
    /// # Errors
    ///
    /// The errors of the report's own method.
    pub fn rows(&self, table: &'static Table) -> Result<Rows, Error> {
        self.gather(Collector::of(table))
    }

    /// Reads any report that the loaded libchrony [knows](Library::reports).
    ///
    /// The records are as libchrony describes them, and in chronyd's order. A report that is not a list has one record.
    /// `None` stands for a reference clock, which does not have a record in `authdata` and `ntpdata`.
    ///
    /// This does not use the crate's tables, so it also reads the reports and fields of a newer libchrony. Values are
    /// checked by their [`Content`](crate::Content): floats must be finite, measures not negative, and times possible.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownReport`] if libchrony does not know a report of this name. Otherwise, the errors of the report's
    /// own method.
    ///
    /// # Examples
    ///
    /// ```
    /// # let chronyd = testbed::Chronyd::builder().start()?;
    /// # let address = libchrony::Address::parse(chronyd.socket())?;
    /// let chronyd = libchrony::Connection::builder().address(address).build()?;
    /// for record in chronyd.report("tracking")?.into_iter().flatten() {
    ///     for (name, field) in record.fields() {
    ///         println!("{name}: {:?} {} {}", field.value(), field.unit().name(), field.words.join(", "));
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report(&self, name: &str) -> Result<AnyRecords, Error> {
        self.gather(Collector::named(self.turns.settings.library.report(name)?))
    }

    /// Finds a chronyd, and returns its address.
    ///
    /// On a Unix socket, this only connects, which succeeds if any process listens there. The first report is then the
    /// first request, and tries other addresses if the process does not answer. Over UDP, this sends a request, and any
    /// response counts, even a refusal.
    ///
    /// # Errors
    ///
    /// See [`Error`]: no chronyd was found at any address.
    #[doc(alias = "chrony_open_socket")]
    pub fn connect(&self) -> Result<Address, Error> {
        self.gather::<()>(Collector::contact())?;
        Ok(self.turns.found())
    }

    /// Returns the addresses to try, in order.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.turns.settings.addresses
    }

    /// Returns the address at which chronyd answered last, or to which [`connect`](Self::connect) has connected since.
    /// Returns `None` before either.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.turns.address()
    }

    /// Closes the sockets. The next call opens new ones. A call in another thread continues, and closes its socket when
    /// it ends.
    pub fn close(&self) {
        self.turns.close();
    }

    /// Reads a report within the timeout.
    pub(crate) fn gather<T: Reply>(&self, mut records: Collector<T::Record>) -> Result<T, Error> {
        let thread = Some(thread::current().id());
        let machine = Machine::new(&self.turns, records.query(), thread);
        blocking::run(machine, &mut records, &*self.interrupt)?;
        Ok(records.take())
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident: $record:ident => $output:ty;)*) => {
        /// A method for each report.
        impl Connection {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// See [`Error`]: chronyd is not reachable or silent, denies access, or sends an invalid record.
            /// [`Error::NotAvailable`] if chronyd is not configured to have the report.
            pub fn $method(&self) -> Result<$output, Error> {
                self.read()
            }
        )*}

        /// A method for each report.
        impl nonblocking::Connection {$(
            $(#[$doc])*
            pub fn $method(&self) -> Call<$output> {
                self.read()
            }
        )*}

        /// A method for each report.
        #[cfg(feature = "tokio")]
        impl AsyncConnection {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// See [`Error`]: chronyd is not reachable or silent, denies access, or sends an invalid record.
            /// [`Error::NotAvailable`] if chronyd is not configured to have the report.
            pub async fn $method(&self) -> Result<$output, Error> {
                self.read().await
            }
        )*}
    };
}
for_each_report!(methods);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("addresses", &self.turns.settings.addresses)
            .field("timeout", &self.turns.settings.timeout)
            .field("library", &self.turns.settings.library.path())
            .finish_non_exhaustive()
    }
}
