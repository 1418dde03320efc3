//! The errors of this crate. Each message says what happened, to which address or field, and what to do next.

pub(crate) mod advice;
mod several;

use self::advice::Silence;
use crate::address::{Address, AddressError};
use crate::library::{LibraryError, UnknownReport};
use crate::raw::failure::LibchronyError;
use crate::report::record::FieldError;
use std::io;
use std::time::Duration;

/// The conditions for settings, in words.
pub(crate) const AT_LEAST_1: &str = "be at least 1";
pub(crate) const LONGER_THAN_0: &str = "be longer than 0";

/// The kind of an [`Error`], for code that decides what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// libchrony is missing or unusable.
    Library,
    /// chronyd cannot be reached, or went away.
    Connection,
    /// The time was over before chronyd responded.
    Timeout,
    /// The socket does not exist. chronyd is probably not running.
    NotFound,
    /// The user is not permitted to talk to chronyd this way.
    Permission,
    /// chronyd or libchrony rejected the request or the response, or a value or a setting is out of range.
    Invalid,
    /// chronyd is not configured to have the report, such as tracking of a real-time clock.
    NotAvailable,
    /// A record or a field is missing.
    Incomplete,
    /// The caller's `interrupt` function stopped the call.
    Interrupted,
}

/// The reason why a call failed. [`std::error::Error::source`] returns libchrony's error or the system's, if there is
/// one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No libchrony could be loaded.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The address is malformed.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The loaded libchrony does not know a report of this name.
    #[error(transparent)]
    UnknownReport(#[from] UnknownReport),
    /// A setting of a builder is out of range.
    #[error("{setting} must {bounds}")]
    Setting {
        /// The name of the setting.
        setting: &'static str,
        /// The condition that the setting must meet.
        bounds: &'static str,
    },
    /// A finished call was advanced.
    #[error("the call for the {report} report is over and cannot be advanced. Start another one")]
    Over {
        /// The report.
        report: &'static str,
    },
    /// None of the default sockets exists.
    #[error(
        "chronyd socket not found. Tried: {}. Is chronyd running? If its socket is elsewhere, give its path; without \
         root, give the command port, 127.0.0.1",
        list(tried)
    )]
    SocketNotFound {
        /// The sockets that were tried.
        tried: Vec<Address>,
    },
    /// chronyd cannot be reached at the address.
    #[error("Failed to connect to chronyd at {address}: {source}. {}", advice::connect(address, source))]
    Connect {
        /// The address.
        address: Address,
        /// The system's error.
        source: io::Error,
    },
    /// A host name has no address, or the resolver did not respond in time.
    #[error("Failed to connect to chronyd at {address}: {source}. {}", advice::resolve(source))]
    Resolve {
        /// The address.
        address: Address,
        /// The resolver's error.
        source: io::Error,
    },
    /// chronyd did not respond at any of several addresses.
    #[error("{best} (other addresses: {others})")]
    Unreachable {
        /// The most informative failure: a missing permission, then silence, then a refusal, then a missing socket.
        best: Box<Error>,
        /// The other addresses, with the reason for each.
        others: String,
    },
    /// The user may not use the socket, or may not create one next to it.
    #[error(
        "Permission denied accessing {address}: {source}. Run as root or as chronyd's user, or use the command port, \
         127.0.0.1, which needs no permission"
    )]
    Permission {
        /// The address.
        address: Address,
        /// The system's error.
        source: io::Error,
    },
    /// libchrony could not create a session.
    #[error("Failed to initialize chrony session with {address}: {source}. {}", advice::session(source))]
    Session {
        /// The address.
        address: Address,
        /// libchrony's error.
        source: LibchronyError,
    },
    /// No valid response came before the deadline.
    #[error("Failed to {}: {}", stage.of(report), advice::silence(address, *waited, *requests, silence))]
    TimedOut {
        /// The stage of the call.
        stage: Stage,
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// The time allowed for chronyd's response.
        waited: Duration,
        /// The number of times that the request was sent.
        requests: u32,
        /// The circumstances of the silence.
        silence: Box<Silence>,
    },
    /// Other calls used the connection until the deadline.
    #[error(
        "Failed to request {report} report: other threads or tasks kept the connection to chronyd busy for \
         {waited:?}. Raise the timeout, or give each its own connection"
    )]
    Busy {
        /// The report.
        report: &'static str,
        /// The time allowed for the call.
        waited: Duration,
    },
    /// Other threads were opening sockets until the deadline. Threads open sockets one after another.
    #[error(
        "Failed to request {report} report: other threads kept opening sockets for {waited:?}. Raise the timeout, or \
         use connections for more than one call"
    )]
    Crowded {
        /// The report.
        report: &'static str,
        /// The time allowed for the call.
        waited: Duration,
    },
    /// The time for a fleet's round, or for one of its addresses, ended before chronyd was asked for the report.
    #[error(
        "Failed to request {report} report: {waited:?} were over before chronyd at {address} was asked. Raise the \
         timeout of an address, the deadline of a round, or the number of those that are asked at once"
    )]
    NotAsked {
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// The time allowed for the call.
        waited: Duration,
    },
    /// The system could not create the event queue that a fleet waits on.
    #[error(
        "could not make an event queue to wait for chronyds with: {source}. Close descriptors, or raise the \
         limit on open files"
    )]
    EventQueue {
        /// The system's error.
        source: io::Error,
    },
    /// Sending or receiving failed, in most cases because chronyd went away.
    #[error("Failed to {} from {address}: {source}. {}", stage.of(report), advice::exchange(address, source))]
    Exchange {
        /// The stage of the call.
        stage: Stage,
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// libchrony's error.
        source: LibchronyError,
    },
    /// chronyd does not serve this report on this transport.
    #[error(
        "Failed to process {report} response: chronyd at {address} refuses this report here: {source}. {}",
        advice::refusal(report, *first)
    )]
    Unauthorized {
        /// The report.
        report: &'static str,
        /// Another report, which libchrony requests first.
        first: Option<&'static str>,
        /// The address.
        address: Address,
        /// libchrony's error.
        source: LibchronyError,
    },
    /// chronyd or libchrony rejected the request or the response.
    #[error("Failed to {} from {address}: {source}. {}", stage.of(report), advice::rejection(source))]
    Rejected {
        /// The stage of the call.
        stage: Stage,
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// libchrony's error.
        source: LibchronyError,
    },
    /// The list changed during each of several reads.
    #[error(
        "Failed to process {report} response from {address}: {}. The sources may have changed during the read; \
         try again",
        source.as_ref().map_or("another source came last at the end", LibchronyError::words)
    )]
    ListChanged {
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// libchrony's error. `None` if the records themselves show the change.
        source: Option<LibchronyError>,
    },
    /// chronyd is not configured to have this report, such as tracking of a real-time clock.
    #[error("{}", advice::not_available(report, address, source))]
    NotAvailable {
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// libchrony's error.
        source: LibchronyError,
    },
    /// chronyd claims an impossible number of records.
    #[error("Invalid number of {report} records: {count}, from {address}. Is this a chronyd?")]
    Count {
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// The number, as libchrony read it.
        count: i32,
    },
    /// A field is missing, has another type, or has a value out of range.
    #[error("{source} (in the {report} report of chronyd at {address}). {}", advice::field(source))]
    Field {
        /// The report.
        report: &'static str,
        /// The address.
        address: Address,
        /// The error of the field.
        source: FieldError,
    },
    /// The caller's `interrupt` function stopped the call.
    #[error("interrupted while waiting for chronyd")]
    Interrupted,
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Library(_) => ErrorKind::Library,
            Self::SocketNotFound { .. } => ErrorKind::NotFound,
            Self::Unreachable { best, .. } => best.kind(),
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Resolve { source, .. } if source.kind() == io::ErrorKind::TimedOut => ErrorKind::Timeout,
            Self::TimedOut { .. } | Self::Busy { .. } | Self::Crowded { .. } | Self::NotAsked { .. } => {
                ErrorKind::Timeout
            }
            Self::Address(_)
            | Self::Connect { .. }
            | Self::Resolve { .. }
            | Self::Session { .. }
            | Self::EventQueue { .. }
            | Self::Exchange { .. } => ErrorKind::Connection,
            Self::Permission { .. } | Self::Unauthorized { .. } => ErrorKind::Permission,
            Self::Field { source: FieldError::Missing { .. } | FieldError::Type { .. }, .. } => ErrorKind::Incomplete,
            Self::UnknownReport(_)
            | Self::Setting { .. }
            | Self::Over { .. }
            | Self::Rejected { .. }
            | Self::ListChanged { .. }
            | Self::Count { .. }
            | Self::Field { .. } => ErrorKind::Invalid,
            Self::NotAvailable { .. } => ErrorKind::NotAvailable,
            Self::Interrupted => ErrorKind::Interrupted,
        }
    }

    /// Returns true if chronyd responded, even with a refusal or invalid data.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. }
                | Self::Rejected { .. }
                | Self::ListChanged { .. }
                | Self::NotAvailable { .. }
                | Self::Count { .. }
                | Self::Field { .. }
        )
    }

    /// Returns true if the time was over before chronyd responded. Of several addresses, the most informative failure
    /// counts.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Returns the address of the chronyd. Of several addresses, it is that of the most informative failure. `None` if
    /// the error does not depend on the address.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Unreachable { best, .. } => best.address(),
            Self::Connect { address, .. }
            | Self::Resolve { address, .. }
            | Self::Permission { address, .. }
            | Self::Session { address, .. }
            | Self::TimedOut { address, .. }
            | Self::NotAsked { address, .. }
            | Self::Exchange { address, .. }
            | Self::Unauthorized { address, .. }
            | Self::Rejected { address, .. }
            | Self::ListChanged { address, .. }
            | Self::NotAvailable { address, .. }
            | Self::Count { address, .. }
            | Self::Field { address, .. } => Some(address),
            Self::Library(_)
            | Self::Address(_)
            | Self::UnknownReport(_)
            | Self::Setting { .. }
            | Self::Over { .. }
            | Self::SocketNotFound { .. }
            | Self::Busy { .. }
            | Self::Crowded { .. }
            | Self::EventQueue { .. }
            | Self::Interrupted => None,
        }
    }

    /// Returns libchrony's name of the report. `None` if the call did not come as far as a request.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        match self {
            Self::Unreachable { best, .. } => best.report(),
            Self::UnknownReport(unknown) => Some(&unknown.name),
            Self::Over { report }
            | Self::TimedOut { report, .. }
            | Self::Busy { report, .. }
            | Self::Crowded { report, .. }
            | Self::NotAsked { report, .. }
            | Self::Exchange { report, .. }
            | Self::Unauthorized { report, .. }
            | Self::Rejected { report, .. }
            | Self::ListChanged { report, .. }
            | Self::NotAvailable { report, .. }
            | Self::Count { report, .. }
            | Self::Field { report, .. } => Some(report),
            Self::Library(_)
            | Self::Address(_)
            | Self::Setting { .. }
            | Self::SocketNotFound { .. }
            | Self::Connect { .. }
            | Self::Resolve { .. }
            | Self::Permission { .. }
            | Self::Session { .. }
            | Self::EventQueue { .. }
            | Self::Interrupted => None,
        }
    }

    /// Returns the name of the field that is missing or invalid. `None` if the error does not concern one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field {
                source:
                    FieldError::Missing { field } | FieldError::Type { field, .. } | FieldError::Invalid { field, .. },
                ..
            } => Some(field),
            _ => None,
        }
    }

    /// Returns the time that chronyd had for its response, or that the call waited for its turn. `None` unless the time
    /// was over.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { best, .. } => best.timeout(),
            Self::TimedOut { waited, .. }
            | Self::Busy { waited, .. }
            | Self::Crowded { waited, .. }
            | Self::NotAsked { waited, .. } => Some(*waited),
            _ => None,
        }
    }

    /// Rejects a setting that is out of range.
    pub(crate) fn check(is_valid: bool, setting: &'static str, bounds: &'static str) -> Result<(), Self> {
        if is_valid { Ok(()) } else { Err(Self::Setting { setting, bounds }) }
    }
}

/// The stage of a call for a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The call was sending a request.
    Request,
    /// The call was receiving the response.
    Response,
}

impl Stage {
    /// Returns the stage in words.
    fn of(self, report: &str) -> String {
        match self {
            Self::Request => format!("request {report} report"),
            Self::Response => format!("process {report} response"),
        }
    }
}

fn list(addresses: &[Address]) -> String {
    addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")
}
