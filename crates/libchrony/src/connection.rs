//! A connection to one chronyd: which address, when to reconnect, whose turn it is.
//!
//! A [`Connection`] opens nothing until its first report is asked for. It then keeps its session for the next one.
//! After any error the session is dropped and the next call opens a new one. Each method waits for its turn and for
//! chronyd until one deadline.

use crate::address::Address;
use crate::error::{Error, LibchronyError, Step};
use crate::per_process::PerProcess;
use crate::raw::{OpenFailure, RawSession, SLICE};
use crate::report::{Report, RtcData, Source, SourceStats, Tracking};
use crate::session::{Deadline, Session, SessionError, Stage, Stop};
use crate::{ErrorKind, Library};
use libchrony_sys::types as c;
use rustix::io::Errno;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The time that a call takes at most, unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a list of records is read again when it changes during the read.
const LIST_TRIES: u32 = 4;

/// Asked about every 50 ms while waiting; true abandons the call.
type Interrupt = Box<dyn Fn() -> bool + Send + Sync>;

/// Makes a [`Connection`].
#[must_use]
pub struct Builder {
    addresses: Vec<Address>,
    timeout: Duration,
    library: Option<Library>,
    interrupt: Interrupt,
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
    /// Where chronyd is. By default its two usual Unix domain sockets are tried.
    pub fn address(mut self, address: Address) -> Self {
        self.addresses = vec![address];
        self
    }

    /// The time that one call takes at most; 5 s by default.
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
    /// [`Error::Library`] when no libchrony can be loaded.
    pub fn build(self) -> Result<Connection, Error> {
        let library = self.library.map_or_else(Library::load, Ok)?;
        Ok(Connection {
            library,
            addresses: self.addresses,
            timeout: self.timeout,
            interrupt: self.interrupt,
            seat: PerProcess::new(),
        })
    }
}

/// A connection to one chronyd, with a method for each report.
///
/// It may be shared between threads, which take turns. After a fork the child gets a socket of its own on its first
/// call. After chronyd restarts the next call works.
///
/// # Examples
///
/// ```no_run
/// use libchrony::Connection;
///
/// let chronyd = Connection::builder().build()?;
/// let tracking = chronyd.tracking()?;
/// println!("{} s off {}", tracking.offset, tracking.reference_id_name());
/// for source in chronyd.sources()? {
///     println!("{}: {}", source.address, source.state);
/// }
/// # Ok::<(), libchrony::Error>(())
/// ```
#[doc(alias = "chrony_session")]
pub struct Connection {
    library: Library,
    addresses: Vec<Address>,
    timeout: Duration,
    interrupt: Interrupt,
    seat: PerProcess<Seat>,
}

/// The session of a connection while nobody uses it.
#[derive(Debug, Default)]
struct Seat {
    idle: Mutex<Idle>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Idle {
    taken: bool,
    session: Option<(Address, Session)>,
}

/// The turn of one call. Dropping it lets the next thread in.
struct Turn<'a> {
    seat: &'a Seat,
    session: Option<(Address, Session)>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut idle = self.seat.lock();
        idle.taken = false;
        idle.session = self.session.take();
        drop(idle);
        self.seat.freed.notify_one();
    }
}

impl Seat {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread has its turn.
    fn take(&self, deadline: &Deadline<'_>) -> Result<Turn<'_>, Stop> {
        let mut idle = self.lock();
        while idle.taken {
            drop(idle);
            let slice = deadline.left()?.min(SLICE);
            idle = self.freed.wait_timeout(self.lock(), slice).unwrap_or_else(PoisonError::into_inner).0;
        }
        idle.taken = true;
        Ok(Turn { seat: self, session: idle.session.take() })
    }
}

impl Connection {
    /// Starts a connection to one of the default sockets, to be told more.
    pub fn builder() -> Builder {
        Builder {
            addresses: Address::default_sockets(),
            timeout: DEFAULT_TIMEOUT,
            library: None,
            interrupt: Box::new(|| false),
        }
    }

    /// How the system clock follows its reference.
    ///
    /// # Errors
    ///
    /// See [`Error`]: chronyd not reachable or silent, access denied, or an invalid record.
    #[doc(alias = "chrony_request_record")]
    pub fn tracking(&self) -> Result<Tracking, Error> {
        self.read::<Tracking, _>(Session::read_one)
    }

    /// The time sources, in chronyd's order; empty when it has none.
    ///
    /// # Errors
    ///
    /// See [`Error`]: chronyd not reachable or silent, access denied, or an invalid record.
    #[doc(alias = "chrony_request_report_number_records")]
    pub fn sources(&self) -> Result<Vec<Source>, Error> {
        self.read::<Source, _>(Session::read_all)
    }

    /// The statistics of the time sources, in chronyd's order; empty when it has none.
    ///
    /// # Errors
    ///
    /// See [`Error`]: chronyd not reachable or silent, access denied, or an invalid record.
    #[doc(alias = "chrony_request_report_number_records")]
    pub fn source_stats(&self) -> Result<Vec<SourceStats>, Error> {
        self.read::<SourceStats, _>(Session::read_all)
    }

    /// The tracking of the real-time clock.
    ///
    /// # Errors
    ///
    /// [`Error::RtcNotTracked`] when chronyd tracks none, and otherwise as with the other reports.
    #[doc(alias = "chrony_request_record")]
    pub fn rtc_data(&self) -> Result<RtcData, Error> {
        self.read::<RtcData, _>(Session::read_one)
    }

    /// The address of the chronyd that answered last; `None` before that and after an error.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.seat.get().lock().session.as_ref().map(|(address, _)| address.clone())
    }

    /// Closes the socket, if one is open. The next call opens a new one.
    pub fn close(&self) {
        let session = self.seat.get().lock().session.take();
        drop(session);
    }

    /// Reads a report within the deadline.
    fn read<R: Report, T>(
        &self,
        read: impl Fn(&mut Session, &Deadline<'_>) -> Result<T, SessionError>,
    ) -> Result<T, Error> {
        let report = R::NAME.to_str().unwrap_or_default();
        let deadline = Deadline::new(self.timeout, &self.interrupt);
        let mut turn = self.turn(&deadline).map_err(|stop| match stop {
            Stop::TimedOut => Error::Busy { report, waited: self.timeout },
            Stop::Interrupted => Error::Interrupted,
        })?;
        let mut tries = 1;
        loop {
            let reused = turn.session.is_some();
            let (address, mut session) = turn.session.take().map_or_else(|| self.open(), Ok)?;
            session.answered = false;
            session.single_try = reused;
            match read(&mut session, &deadline) {
                Ok(value) => {
                    turn.session = Some((address, session));
                    return Ok(value);
                }
                // Open again: chronyd, or only our socket, went away since the last call.
                Err(error) if reused && !session.answered && error.is_loss() => {}
                Err(SessionError::Changed(_)) if tries < LIST_TRIES => tries += 1,
                Err(error) => return Err(self.explain(report, address, &session, error)),
            }
        }
    }

    fn turn(&self, deadline: &Deadline<'_>) -> Result<Turn<'_>, Stop> {
        let (seat, inherited) = self.seat.get_and_previous();
        if let Some(inherited) = inherited {
            // A forked child closes its copy of the parent's socket, unless another thread had it at the time.
            if let Ok(mut idle) = inherited.idle.try_lock() {
                idle.session = None;
            }
        }
        seat.take(deadline)
    }

    /// Opens a session on the first address that takes one.
    fn open(&self) -> Result<(Address, Session), Error> {
        let slice = self.timeout.clamp(Duration::from_millis(1), SLICE);
        let mut first_error = None;
        for address in &self.addresses {
            match RawSession::open(&self.library, &address.to_c(), slice) {
                Ok(raw) => return Ok((address.clone(), Session::new(raw))),
                Err(OpenFailure::Session(failure)) => {
                    let source = LibchronyError::new(&self.library, failure);
                    return Err(Error::Session { address: address.clone(), source });
                }
                Err(OpenFailure::Socket(error)) => {
                    let error = Error::connect(address, error);
                    if error.kind() != ErrorKind::NotFound || self.addresses.len() == 1 {
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        Err(first_error.unwrap_or_else(|| Error::SocketNotFound { tried: self.addresses.clone() }))
    }

    /// Puts an error of a session into words.
    fn explain(&self, report: &'static str, address: Address, session: &Session, error: SessionError) -> Error {
        let (stage, failure) = match error {
            SessionError::Stopped(_, Stop::Interrupted) => return Error::Interrupted,
            SessionError::Stopped(stage, Stop::TimedOut) => {
                let stage = Step { stage, report };
                return Error::TimedOut { stage, address, waited: self.timeout, requests: session.requests };
            }
            SessionError::Count(count) => return Error::Count { report, address, count },
            SessionError::Field(source) => return Error::Field { report, address, source },
            SessionError::Changed(failure) => (Step { stage: Stage::Response, report }, failure),
            SessionError::Libchrony(stage, failure) => (Step { stage, report }, failure),
        };
        let source = LibchronyError::new(&self.library, failure);
        match (failure.code, failure.errno) {
            (_, Some(errno)) if !session.answered && is_unreachable(errno) => Error::connect(&address, errno.into()),
            (_, Some(_)) => Error::Exchange { stage, address, source },
            (c::CHRONY_UNAUTHORIZED, _) => Error::Unauthorized { report, address, source },
            (c::CHRONY_DISABLED, _) if report.as_bytes() == RtcData::NAME.to_bytes() => {
                Error::RtcNotTracked { address, source }
            }
            _ => Error::Rejected { stage, address, source },
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("addresses", &self.addresses)
            .field("timeout", &self.timeout)
            .field("library", &self.library.path())
            .finish_non_exhaustive()
    }
}

impl SessionError {
    /// Whether the other end is gone, or silent although it answered before.
    fn is_loss(&self) -> bool {
        match self {
            Self::Libchrony(_, failure) => failure.errno.is_some(),
            Self::Stopped(_, stop) => *stop == Stop::TimedOut,
            Self::Changed(_) | Self::Count(_) | Self::Field(_) => false,
        }
    }
}

/// Whether nobody is there at all.
fn is_unreachable(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::CONNREFUSED
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::NETDOWN
            | Errno::ACCESS
            | Errno::PERM
    )
}
