//! A lane: one libchrony session with at most one request on its way.
//!
//! A lane never waits by itself: whether a send or a receive may block for a moment is the socket's matter. When to
//! send, on which lane, and when to give up is not decided here.

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

/// What a lane asks chronyd for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The number of a report's records.
    Count(&'static CStr),
    /// The number of a report's records, or its record if libchrony says that it always has one.
    First(&'static CStr),
    /// One record.
    Record(&'static CStr, Int),
    /// One record of a report that chronyd is asked for by address. libchrony asks for the source's address first.
    ByAddress(&'static CStr, Int),
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    /// The queue of chronyd's socket is full, or a signal came.
    No,
    /// libchrony has the answer already: it has just read that the source is a reference clock.
    Answered,
}

/// What a lane has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The answer.
    Answer,
    /// The first of two answers; libchrony has sent the second request.
    Half,
    /// The first of two answers; the second request cannot be sent now.
    Stuck,
    /// A datagram that is not the answer.
    Other,
    /// No datagram so far.
    Nothing,
    /// A signal came.
    Signal,
}

/// The lanes of a call.
impl Context {
    /// Opens the first lane to an address. The first lane to a host's second address may use the quota of further ones.
    pub(crate) fn open(&self, address: &Address) -> Result<Lane, Error> {
        let Quotas { first, further, .. } = &self.settings.quotas;
        self.open_within(if first.is_used_up() { further } else { first }, address)
    }

    /// Opens a lane on another socket, if possible.
    pub(crate) fn open_again(&self, address: &Address) -> Option<Lane> {
        self.open_within(&self.settings.quotas.further, address).ok()
    }

    /// Opens a further lane to the same chronyd, if possible. chronyd answers a Unix socket in the order of the requests
    /// and loses nothing, so lanes share one, which costs least. Over UDP each has its own, so that no lane receives
    /// what is for another.
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

/// One session.
#[derive(Debug)]
pub(crate) struct Lane {
    session: RawSession,
    last: Option<Request>,
    _permit: Permit,
}

impl Lane {
    /// Whether its socket's descriptor is still that. On that of others, a receive would have no end.
    pub(crate) fn is_still_ours(&self) -> bool {
        self.socket().is_still_ours()
    }

    /// Whether the path of its socket is gone, so that no answer can reach it. Over UDP it has none.
    pub(crate) fn has_lost_its_path(&self) -> bool {
        let own = getsockname(self.as_fd()).ok().and_then(|own| SocketAddrUnix::try_from(own).ok());
        let path = own.as_ref().and_then(SocketAddrUnix::path_bytes);
        path.is_some_and(|path| !Path::new(OsStr::from_bytes(path)).exists())
    }

    pub(crate) fn socket(&self) -> &Arc<Socket> {
        self.session.socket()
    }

    /// Whether both use one socket.
    pub(crate) fn shares_socket(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.socket(), other.socket())
    }

    /// Whether libchrony would take the address of a source from the last response, which may be old.
    pub(crate) fn remembers_address(&self) -> bool {
        match self.last {
            Some(Request::Record(..)) => true,
            // What is left of a reference clock's address is that there was none.
            Some(Request::ByAddress(..)) => self.record().is_empty(),
            Some(Request::Count(_) | Request::First(_)) | None => false,
        }
    }

    /// Whether the answer is a number of records.
    pub(crate) fn has_counted(&self) -> bool {
        matches!(self.last, Some(Request::Count(_)))
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: Request) -> Result<Sent, Failure> {
        let last = self.last.replace(request);
        // libchrony has said that there is nothing to count, and would say so without a request.
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
                // libchrony sends no such request for a report that always has one.
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
            // libchrony leaves no field of a datagram that it ignores.
            Ok(()) if self.session.number_fields() > 0 => Ok(Received::Half),
            Ok(()) => Ok(Received::Other),
            Err(failure) if failure.is_transient() && failure.code == CHRONY_SEND_FAILED => Ok(Received::Stuck),
            Err(failure) if failure.is_signal() => Ok(Received::Signal),
            Err(failure) if failure.is_transient() => Ok(Received::Nothing),
            Err(failure) => Err(failure),
        }
    }

    /// The record of the answer.
    pub(crate) fn record(&self) -> Record<'_> {
        Record::new(&self.session)
    }

    /// The number of records, as libchrony has it: negative when chronyd's number does not fit.
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
        assert_eq!(error.kind(), ErrorKind::Connection);
    }

    #[test]
    fn a_record_that_could_not_be_asked_for_does_not_follow_the_number_of_records() {
        let chronyd = Scripted::start(Values::new(&r#"{"sources": 3}"#.parse().unwrap())).unwrap();
        let settings = Settings {
            library: Library::load().unwrap(),
            addresses: Arc::new([chronyd.socket().to_str().unwrap().parse().unwrap()]),
            timeout: Duration::from_secs(20),
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
