//! A connection to one chronyd: its settings, and a method for each report.
//!
//! A [`Connection`] opens nothing until its first use and keeps its session for the next one. How one call goes is in
//! `reading`, and its waiting in `blocking`.

use crate::address::Address;
use crate::drivers::blocking::{self, Interrupt};
use crate::drivers::nonblocking;
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
use std::time::Duration;

/// Makes a [`Connection`].
#[must_use]
pub struct Builder {
    addresses: Vec<Address>,
    timeout: Duration,
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
    /// Where chronyd is. By default, [`Address::defaults`] are tried.
    pub fn address(self, address: Address) -> Self {
        self.addresses(vec![address])
    }

    /// Where chronyd may be; one address at least. The first one on which it answers is used for as long as it answers.
    pub fn addresses(mut self, addresses: Vec<Address>) -> Self {
        self.addresses = addresses;
        self
    }

    /// Over how many sessions at once a long list is read, at most, and from how many records on each further one is
    /// opened, both at least 1. By default, [`DEFAULT_LANES`] and [`DEFAULT_RECORDS_PER_LANE`]. One lane reads a list
    /// record by record.
    pub fn lanes(mut self, most: usize, records_each: usize) -> Self {
        self.lanes = Lanes { most, records_each };
        self
    }

    /// The time that one call takes at most, longer than 0; 5 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The libchrony to use; found by [`Library::load`] by default.
    pub fn library(mut self, library: Library) -> Self {
        self.library = Some(library);
        self
    }

    /// A function that is asked about every 50 ms while a call waits, and after each signal. When it returns true,
    /// the call ends with [`Error::Interrupted`].
    pub fn interrupt(mut self, interrupt: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.interrupt = Box::new(interrupt);
        self
    }

    /// Makes the connection. Nothing is opened until its first use.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when no libchrony can be loaded, and [`Error::Setting`].
    pub fn build(mut self) -> Result<Connection, Error> {
        let slice = self.timeout.clamp(Duration::from_millis(1), SHORT_WAIT);
        let interrupt = mem::replace(&mut self.interrupt, Box::new(|| false));
        Ok(Connection { turns: self.turns(Waits::UpTo(slice))?, interrupt })
    }

    /// Makes a connection whose calls never wait, except [to open a socket](nonblocking): for event loops and for programs
    /// that watch many chronyds. Its calls do not ask [`Builder::interrupt`].
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when no libchrony can be loaded, and [`Error::Setting`].
    pub fn build_nonblocking(self) -> Result<nonblocking::Connection, Error> {
        self.turns(Waits::Never).map(nonblocking::Connection::new)
    }

    /// Makes a connection for tokio. Its calls do not ask [`Builder::interrupt`].
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when no libchrony can be loaded, and [`Error::Setting`].
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
            lanes: self.lanes,
            waits,
            quotas: Quotas::default(),
        }))
    }
}

/// A connection to one chronyd, with a method for each report.
///
/// It may be shared between threads, which take turns. After a fork the child gets a socket of its own on its first
/// call. After chronyd restarts the next call works.
///
/// A connection stays with the address that has answered for as long as that answers, if only with a refusal or with
/// invalid data. When it is silent or gone, the call looks host names up again and tries all addresses in their order.
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
    /// Starts a connection to one of the default addresses, to be told more.
    pub fn builder() -> Builder {
        Builder {
            addresses: Address::defaults(),
            timeout: DEFAULT_TIMEOUT,
            lanes: Lanes { most: DEFAULT_LANES, records_each: DEFAULT_RECORDS_PER_LANE },
            library: None,
            interrupt: Box::new(|| false),
        }
    }

    /// Reads a report into the type that its own method returns, for code that is generic over reports.
    ///
    /// # Errors
    ///
    /// As those of the report's own method.
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

    /// The records of any report that has a table, in chronyd's order; `None` for what has no record.
    ///
    /// # Errors
    ///
    /// As those of the report's own method.
    pub fn rows(&self, table: &'static Table) -> Result<Rows, Error> {
        self.gather(Collector::of(table))
    }

    /// The records of any report that the loaded libchrony [knows](Library::reports), as libchrony itself describes them:
    /// in chronyd's order, and one for a report that has one. `None` is for a reference clock, which has no record in
    /// `authdata` and `ntpdata`.
    ///
    /// No table of this crate is used, so that a newer libchrony's reports and fields are read, too. The checks follow
    /// from the contents: floats are finite, measures are not negative, and times are possible.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownReport`] when libchrony knows no report of this name; otherwise as those of the methods for one
    /// report.
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

    /// Finds a chronyd, and tells where. On a Unix socket it only connects, which works while a process listens there: the
    /// first report is the first request, and looks elsewhere if that process does not answer. Over UDP it asks whether
    /// chronyd answers, if only to refuse.
    ///
    /// # Errors
    ///
    /// See [`Error`]: no address at which a chronyd is found.
    #[doc(alias = "chrony_open_socket")]
    pub fn connect(&self) -> Result<Address, Error> {
        self.gather::<()>(Collector::contact())?;
        Ok(self.turns.found())
    }

    /// The addresses that are tried, in their order.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.turns.settings.addresses
    }

    /// The address at which chronyd answered last, or that was connected to since; `None` before that.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.turns.address()
    }

    /// Closes the sockets. The next call opens new ones; a call that another thread is in ends first.
    pub fn close(&self) {
        self.turns.close();
    }

    /// Reads within the deadline.
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
        impl Connection {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                ///
                /// See [`Error`]: chronyd not reachable or silent, access denied, or an invalid record. A report that
                /// chronyd is not configured to have is [`Error::NotAvailable`].
                pub fn $method(&self) -> Result<$output, Error> {
                    self.read()
                }
            )*
        }
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
