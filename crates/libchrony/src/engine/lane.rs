//! A lane: one libchrony session with at most one request in flight.
//!
//! A lane sends and receives. A blocking socket may make it wait for a short time. The decisions to send, to use
//! another lane and to give up are made elsewhere.

use crate::address::{Address, Transport};
use crate::engine::context::Context;
use crate::engine::explain::not_connected;
use crate::engine::quota::{Permit, Quota, Quotas};
use crate::engine::settings::Settings;
use crate::error::Error;
use crate::raw::failure::Failure;
use crate::raw::open_lock::Opening;
use crate::raw::session::RawSession;
use crate::raw::socket::Socket;
use crate::report::record::Record;
use libchrony_sys::types::{CHRONY_SEND_FAILED, Int};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::{SocketAddrUnix, getsockname};
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// A request to chronyd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The number of records in a report.
    Count(&'static CStr),
    /// The number of records in a report, or the record if libchrony says that there is always one.
    First(&'static CStr),
    /// One record.
    Record(&'static CStr, Int),
    /// One record of a report that is requested by address. libchrony requests the address of the source first.
    ByAddress(&'static CStr, Int),
}

/// The result of sending a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    /// The request could not be sent: chronyd's queue is full, or a signal came.
    No,
    /// The request is unnecessary: libchrony has just read that the source is a reference clock.
    Answered,
}

/// The result of a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The response.
    Answer,
    /// The first of two responses. libchrony has sent the second request.
    Half,
    /// The first of two responses. The second request cannot be sent now.
    Stuck,
    /// A datagram that is not the response.
    Other,
    /// No datagram yet.
    Nothing,
    /// A signal interrupted the receive.
    Signal,
}

/// The methods that open lanes.
impl Context {
    /// Opens the first lane to an address. If the quota of first sessions is used up, takes a session from the other
    /// quota, because a host can have several addresses.
    pub(crate) fn open(&self, address: &Address) -> Result<Lane, Error> {
        let Quotas { first, further, .. } = &self.settings.quotas;
        self.open_within(if first.is_used_up() { further } else { first }, address)
    }

    /// Opens a lane on another socket, if possible.
    pub(crate) fn open_again(&self, address: &Address) -> Option<Lane> {
        self.open_within(&self.settings.quotas.further, address).ok()
    }

    /// Opens another lane to the same chronyd, if possible. Lanes over a Unix socket share it. This is cheapest, and
    /// safe because chronyd answers in the order of the requests and nothing is lost. Over UDP each lane has its own
    /// socket, so that it cannot receive another lane's response.
    pub(crate) fn open_beside(&self, lane: &Lane, address: &Address) -> Option<Lane> {
        match address.transport() {
            Transport::UnixSocket => {
                let permit = self.settings.quotas.further.take().ok()?;
                let session = RawSession::new(lane.socket(), &Opening::begin(self.clock.end)?).ok()?;
                Some(Lane { session, last: None, _permit: permit })
            }
            Transport::CommandPort => self.open_again(address),
        }
    }

    fn open_within(&self, quota: &Quota, address: &Address) -> Result<Lane, Error> {
        let Settings { library, waits, .. } = &*self.settings;
        let permit = quota.take().map_err(|error| not_connected(address, error))?;
        let opening = Opening::begin(self.clock.end).ok_or_else(|| self.crowded())?;
        let socket = Socket::open(library.symbols(), &address.to_c(), *waits, &opening);
        let socket = match socket {
            Ok(socket) => Arc::new(socket),
            Err(error) => {
                // The diagnosis takes the lock itself.
                drop(opening);
                return Err(not_connected(address, error));
            }
        };
        let session = RawSession::new(&socket, &opening).map_err(|failure| self.no_session(address, failure))?;
        Ok(Lane { session, last: None, _permit: permit })
    }
}

/// A libchrony session, and the last request in it.
#[derive(Debug)]
pub(crate) struct Lane {
    session: RawSession,
    last: Option<Request>,
    _permit: Permit,
}

impl Lane {
    /// Returns true if the descriptor is still our socket. A receive on any other file could block forever.
    pub(crate) fn is_still_ours(&self) -> bool {
        self.socket().is_still_ours()
    }

    /// Returns true if the path of the socket is gone, so that no response can arrive. A UDP socket does not have a
    /// path.
    pub(crate) fn has_lost_its_path(&self) -> bool {
        let own = getsockname(self.as_fd()).ok().and_then(|own| SocketAddrUnix::try_from(own).ok());
        let path = own.as_ref().and_then(SocketAddrUnix::path_bytes);
        path.is_some_and(|path| !Path::new(OsStr::from_bytes(path)).exists())
    }

    pub(crate) fn socket(&self) -> &Arc<Socket> {
        self.session.socket()
    }

    /// Returns true if both lanes use one socket.
    pub(crate) fn shares_socket(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.socket(), other.socket())
    }

    /// Returns true if libchrony would take the address of a source from the last response, which may be outdated.
    pub(crate) fn remembers_address(&self) -> bool {
        match self.last {
            Some(Request::Record(..)) => true,
            // For a reference clock, libchrony remembers that the source does not have an address.
            Some(Request::ByAddress(..)) => self.record().is_empty(),
            Some(Request::Count(_) | Request::First(_)) | None => false,
        }
    }

    /// Returns true if the response is a number of records.
    pub(crate) fn has_counted(&self) -> bool {
        matches!(self.last, Some(Request::Count(_)))
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: Request) -> Result<Sent, Failure> {
        let last = self.last.replace(request);
        // libchrony skipped the count of this report before. While the record is in flight, another skip would look
        // like a request.
        if let (Request::First(report), Some(Request::Record(..)), true) =
            (request, last, self.session.needs_response())
        {
            return self.send(Request::Record(report, 0));
        }
        if let (Some(Request::ByAddress(..)), Request::Count(_) | Request::First(_)) = (last, request) {
            self.session.forget_record();
        }
        let sent = match request {
            Request::Count(report) => self.session.request_count(report),
            Request::First(report) => match self.session.request_count(report) {
                // libchrony does not request the count of a report that always has one record.
                Ok(()) if !self.session.needs_response() => return self.send(Request::Record(report, 0)),
                sent => {
                    self.last = Some(Request::Count(report));
                    sent
                }
            },
            Request::Record(report, index) => self.session.request_record(report, index),
            Request::ByAddress(report, index) => self.session.request_record_by_address(report, index),
        };
        match sent {
            Ok(()) if self.session.needs_response() => Ok(Sent::Yes),
            Ok(()) => Ok(Sent::Answered),
            Err(failure) if failure.is_transient() => Ok(Sent::No),
            Err(failure) => Err(failure),
        }
    }

    /// Receives one datagram.
    pub(crate) fn receive(&mut self) -> Result<Received, Failure> {
        let received = match self.last {
            Some(Request::ByAddress(..)) => self.session.process_response_by_address(),
            _ => self.session.process_response(),
        };
        match received {
            Ok(()) if !self.session.needs_response() => Ok(Received::Answer),
            // libchrony does not keep any fields of a datagram that it ignores.
            Ok(()) if self.session.number_fields() > 0 => Ok(Received::Half),
            Ok(()) => Ok(Received::Other),
            Err(failure) if failure.is_transient() && failure.code == CHRONY_SEND_FAILED => Ok(Received::Stuck),
            Err(failure) if failure.is_signal() => Ok(Received::Signal),
            Err(failure) if failure.is_transient() => Ok(Received::Nothing),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the record in the response.
    pub(crate) fn record(&self) -> Record<'_> {
        Record::new(&self.session)
    }

    /// Returns the number of records as libchrony reports it: negative if chronyd's number does not fit.
    pub(crate) fn number_records(&self) -> Int {
        self.session.number_records()
    }
}

impl AsFd for Lane {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Clock;
    use crate::engine::settings::Lanes;
    use crate::raw::socket::Waits;
    use crate::report::{AuthData, Report};
    use crate::{Connection, ErrorKind, Library};
    use std::os::unix::net::UnixDatagram;
    use std::time::{Duration, Instant};
    use testbed::{Fault, Scripted, Values};

    #[test]
    fn a_call_that_other_threads_leave_no_time_to_open_says_so() {
        let _opening = Opening::begin(Instant::now() + Duration::from_secs(20)).unwrap();
        let chronyd = Scripted::start(Values::default()).unwrap();
        let address = chronyd.socket().to_str().unwrap().parse().unwrap();
        let connection = Connection::builder().address(address).timeout(Duration::from_millis(20)).build().unwrap();
        let error = connection.tracking().unwrap_err();
        assert!(error.to_string().contains("other threads kept opening sockets for 20ms. Raise"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }

    #[test]
    fn a_record_that_could_not_be_asked_for_does_not_follow_the_number_of_records() {
        let chronyd = Scripted::start(Values::new(&r#"{"sources": 3}"#.parse().unwrap())).unwrap();
        let settings = Settings {
            library: Library::load().unwrap(),
            addresses: Arc::new([chronyd.socket().to_str().unwrap().parse().unwrap()]),
            timeout: Duration::from_secs(20),
            deadline: None,
            lanes: Lanes { most: 1, records_each: 1 },
            waits: Waits::Never,
            quotas: Quotas::default(),
        };
        let clock = Clock::new(settings.timeout);
        let context = Context::new(&Arc::new(settings), AuthData::TABLE.query(), clock);
        let mut lane = context.open(&context.settings.addresses[0]).unwrap();
        chronyd.set(Fault::Unread);
        let stranger = UnixDatagram::unbound().unwrap();
        stranger.connect(chronyd.socket()).unwrap();
        stranger.set_nonblocking(true).unwrap();
        while stranger.send(&[0; 100]).is_ok() {}
        assert_eq!(lane.send(Request::ByAddress(c"authdata", 0)).unwrap(), Sent::No);
        chronyd.clear();
        while lane.send(Request::Count(c"authdata")).unwrap() == Sent::No {}
        let mut received = std::iter::repeat_with(|| lane.receive().unwrap());
        assert_eq!(received.find(|received| *received != Received::Nothing), Some(Received::Answer));
        assert_eq!(lane.number_records(), 3);
    }
}
