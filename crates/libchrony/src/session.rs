//! Requests and their responses: send, wait until a deadline, send again, give up.
//!
//! libchrony allows one request in flight on a session, so a long list is read over several at once: lanes. They share
//! a socket, since chronyd answers in the order of the requests, so that each lane finds its own response first in the
//! queue. If one is lost, the rest of the list is read over one lane. A session that has returned an error is never used
//! again, which is the caller's to see to. There is no policy here: no choice of an address, no reconnecting, no message.

use crate::Library;
use crate::address::Address;
use crate::per_process::process_id;
use crate::raw::{Failure, RawSession, SLICE, Socket};
use crate::record::{FieldError, Record};
use crate::report::Report;
use libchrony_sys::types::{CHRONY_UNEXPECTED_STATUS, Int};
use std::cell::Cell;
use std::ffi::CStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, iter};

/// How long the first request waits before it is sent again. Doubled each time, as in chronyc.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// A year: longer than anybody waits, and short enough to add to any time.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The most records that a report is believed to have; thousands of sources are far beyond what chronyd can poll.
const MAX_RECORDS: usize = 65_536;

/// The end of a call, and the question whether to end it earlier.
pub(crate) struct Deadline<'a> {
    pub(crate) end: Instant,
    interrupted: &'a dyn Fn() -> bool,
    asked: Cell<Instant>,
    process: u32,
}

impl<'a> Deadline<'a> {
    pub(crate) fn new(timeout: Duration, interrupted: &'a dyn Fn() -> bool) -> Self {
        let now = Instant::now();
        Self { end: now + timeout.min(FOREVER), interrupted, asked: Cell::new(now), process: process_id() }
    }

    /// Whether to go on. Asks the caller too, but not more often than every [`SLICE`].
    fn check(&self, now: Instant) -> Result<(), Stop> {
        if now.duration_since(self.asked.get()) >= SLICE {
            self.ask()?;
        }
        if now >= self.end { Err(Stop::TimedOut) } else { Ok(()) }
    }

    /// The part of the time left that is one of so many, and a second at most.
    pub(crate) fn share(&self, parts: usize) -> Instant {
        let now = Instant::now();
        let left = self.end.saturating_duration_since(now);
        now + (left / u32::try_from(parts).unwrap_or(u32::MAX)).min(FIRST_PATIENCE)
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// How long was waited: all of the time allowed, or what has passed of it.
    pub(crate) fn waited(&self, timeout: Duration) -> Duration {
        let left = self.end.saturating_duration_since(Instant::now());
        let waited = timeout.saturating_sub(left);
        if left.is_zero() { waited } else { Duration::from_millis(waited.as_millis().try_into().unwrap_or(u64::MAX)) }
    }

    /// How long is left, after something was waited for in vain or a signal came.
    pub(crate) fn left(&self) -> Result<Duration, Stop> {
        self.ask()?;
        let now = Instant::now();
        self.check(now)?;
        Ok(self.end - now)
    }

    fn ask(&self) -> Result<(), Stop> {
        let interrupted = (self.interrupted)();
        self.asked.set(Instant::now());
        // A child that was told to stop stops, too: a handler that forks may raise in the child.
        if interrupted {
            Err(Stop::Interrupted)
        } else if process_id() != self.process {
            Err(Stop::Forked)
        } else {
            Ok(())
        }
    }
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    TimedOut,
    Interrupted,
    /// This is a child, forked by what the caller was asked; the session is the parent's.
    Forked,
}

/// What a session was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Request,
    Response,
}

/// Why a request brought no record.
#[derive(Debug)]
pub(crate) enum SessionError {
    Libchrony(Stage, Failure),
    Stopped(Stage, Stop),
    /// The number of records that chronyd claims, which is negative or absurd.
    Count(Int),
    /// chronyd has no record of an index below the number it gave: a source was removed during the read.
    Changed(Failure),
    Field(FieldError),
}

/// Why no session could be opened.
#[derive(Debug)]
pub(crate) enum OpenFailure {
    Socket(io::Error),
    /// A socket, but no session on it.
    Session(Failure),
}

/// How many sessions a list is read over, and from what length on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub(crate) most: usize,
    /// A further lane is opened for each so many records.
    pub(crate) records_each: usize,
}

impl Lanes {
    fn for_records(self, count: usize) -> usize {
        (count / self.records_each.max(1)).clamp(1, self.most.max(1))
    }
}

/// A session with one chronyd: one lane, and more while long lists are read.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) address: Address,
    socket: Arc<Socket>,
    first: Lane,
    more: Vec<Lane>,
    /// Whether chronyd has answered in this call.
    pub(crate) answered: bool,
    /// Give up when the first request of this call is not answered by then, rather than send it again.
    pub(crate) first_answer_by: Option<Instant>,
}

impl Session {
    /// Opens a session on a socket of its own. No send or receive on it blocks for longer than `slice`.
    pub(crate) fn open(
        library: &Library,
        address: &Address,
        slice: Duration,
        end: Instant,
    ) -> Result<Self, OpenFailure> {
        let socket = Socket::open(library, &address.to_c(), slice, end).map_err(OpenFailure::Socket)?;
        let socket = Arc::new(socket);
        let first = Lane::open(&socket, end).map_err(OpenFailure::Session)?;
        Ok(Self { address: address.clone(), socket, first, more: Vec::new(), answered: false, first_answer_by: None })
    }

    /// Whether its socket's descriptor is still that. On another's, a receive would have no end.
    pub(crate) fn is_in_place(&self) -> bool {
        self.socket.is_in_place()
    }

    /// How often a request was sent at most since its last response.
    pub(crate) fn requests(&self) -> u32 {
        self.more.iter().map(|lane| lane.sent).fold(self.first.sent, u32::max)
    }

    /// Reads the only record of a report. libchrony has no request for the number of such a report's records, and
    /// asking for it would leave a session that was waiting in that state.
    pub(crate) fn read_one<R: Report>(&mut self, deadline: &Deadline<'_>) -> Result<R, SessionError> {
        self.first_exchange(Request::Record(R::NAME, 0), deadline)?;
        self.first.record()
    }

    /// Reads all records of a report, in chronyd's order.
    pub(crate) fn read_all<R: Report>(
        &mut self,
        lanes: Lanes,
        deadline: &Deadline<'_>,
    ) -> Result<Vec<R>, SessionError> {
        self.first_exchange(Request::Count(R::NAME), deadline)?;
        let claimed = self.first.raw.number_records();
        let count = usize::try_from(claimed).ok().filter(|count| *count <= MAX_RECORDS);
        let count = count.ok_or(SessionError::Count(claimed))?;
        let width = self.widen(lanes.for_records(count), deadline);
        self.read_records(count, width, deadline).map_err(|error| match error {
            SessionError::Libchrony(Stage::Response, failure) if failure.code == CHRONY_UNEXPECTED_STATUS => {
                SessionError::Changed(failure)
            }
            error => error,
        })
    }

    /// Has each lane ask for every so manieth record, so that the responses come in the order of the records.
    fn read_records<R: Report>(
        &mut self,
        count: usize,
        width: usize,
        deadline: &Deadline<'_>,
    ) -> Result<Vec<R>, SessionError> {
        let mut lanes: Vec<&mut Lane> = iter::once(&mut self.first).chain(&mut self.more).take(width).collect();
        let mut requests = (0..).map(|index| Request::Record(R::NAME, index)).take(count);
        for (lane, request) in lanes.iter_mut().zip(&mut requests) {
            lane.send(request, deadline, None)?;
        }
        let mut records = Vec::new();
        while records.len() < count {
            let lane = &mut *lanes[records.len() % width];
            if !lane.wait(deadline, None)? {
                break;
            }
            records.push(lane.record()?);
            if let Some(request) = requests.next() {
                lane.send(request, deadline, None)?;
            }
        }
        if records.len() < count {
            // A response was lost or overtaken, and in waiting for it this lane has thrown away those of the others.
            // It reads the rest alone, which no loss and no order of the responses can confuse.
            let lane = &mut *lanes[records.len() % width];
            lane.send_again(deadline, None)?;
            lane.receive(deadline, None)?;
            records.push(lane.record()?);
            for request in (0..).map(|index| Request::Record(R::NAME, index)).take(count).skip(records.len()) {
                lane.send(request, deadline, None)?;
                lane.receive(deadline, None)?;
                records.push(lane.record()?);
            }
        }
        Ok(records)
    }

    /// Opens lanes up to a number of them, and says how many there are. Those that cannot be opened in time, or at all,
    /// are done without.
    fn widen(&mut self, width: usize, deadline: &Deadline<'_>) -> usize {
        while self.more.len() + 1 < width && !deadline.is_over() {
            let Ok(lane) = Lane::open(&self.socket, deadline.end) else { break };
            self.more.push(lane);
        }
        width.min(self.more.len() + 1)
    }

    fn first_exchange(&mut self, request: Request, deadline: &Deadline<'_>) -> Result<(), SessionError> {
        let exchanged = self
            .first
            .send(request, deadline, self.first_answer_by)
            .and_then(|()| self.first.receive(deadline, self.first_answer_by));
        // chronyd answers with a refusal, too.
        self.answered = match &exchanged {
            Ok(()) => true,
            Err(SessionError::Libchrony(_, failure)) => failure.errno.is_none(),
            Err(_) => false,
        };
        exchanged
    }
}

/// What a lane asks chronyd for.
#[derive(Clone, Copy, Debug)]
enum Request {
    Count(&'static CStr),
    Record(&'static CStr, Int),
}

/// One libchrony session with at most one request in flight.
#[derive(Debug)]
struct Lane {
    raw: RawSession,
    request: Request,
    /// How many times the request was sent.
    sent: u32,
    /// When it is sent again, and how long after that.
    impatient: Instant,
    patience: Duration,
}

impl Lane {
    fn open(socket: &Arc<Socket>, end: Instant) -> Result<Self, Failure> {
        let (raw, request) = (RawSession::new(socket, end)?, Request::Count(c""));
        Ok(Self { raw, request, sent: 0, impatient: Instant::now(), patience: FIRST_PATIENCE })
    }

    /// The record that has just been received.
    fn record<R: Report>(&self) -> Result<R, SessionError> {
        R::read(Record::new(&self.raw)).map_err(SessionError::Field)
    }

    /// Sends a request for the first time.
    fn send(&mut self, request: Request, deadline: &Deadline<'_>, by: Option<Instant>) -> Result<(), SessionError> {
        self.request = request;
        self.sent = 0;
        self.patience = FIRST_PATIENCE;
        self.send_again(deadline, by)
    }

    /// Sends the request, waiting while the receiver's queue is full.
    fn send_again(&mut self, deadline: &Deadline<'_>, by: Option<Instant>) -> Result<(), SessionError> {
        let stopped = |stop| SessionError::Stopped(Stage::Request, stop);
        let now = Instant::now();
        deadline.check(now).map_err(stopped)?;
        self.impatient = now + self.patience;
        self.patience *= 2;
        loop {
            let sent = match self.request {
                Request::Count(report) => self.raw.request_count(report),
                Request::Record(report, index) => self.raw.request_record(report, index),
            };
            match sent {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err(failure) if failure.is_transient() => {
                    deadline.left().map(drop).map_err(stopped)?;
                    if by.is_some_and(|end| Instant::now() >= end) {
                        return Err(stopped(Stop::TimedOut));
                    }
                }
                Err(failure) => return Err(SessionError::Libchrony(Stage::Request, failure)),
            }
        }
    }

    /// Waits for the response, sending the request again from time to time, or giving up at `answer_by`.
    fn receive(&mut self, deadline: &Deadline<'_>, answer_by: Option<Instant>) -> Result<(), SessionError> {
        while !self.wait(deadline, answer_by)? {
            self.send_again(deadline, answer_by)?;
        }
        Ok(())
    }

    /// Waits for the response; false when it is time to send the request again.
    fn wait(&mut self, deadline: &Deadline<'_>, answer_by: Option<Instant>) -> Result<bool, SessionError> {
        let stopped = |stop| SessionError::Stopped(Stage::Response, stop);
        while self.raw.needs_response() {
            match self.raw.process_response() {
                // This was the response, as all but always.
                Ok(()) if !self.raw.needs_response() => break,
                // A datagram that libchrony ignored.
                Ok(()) => {}
                Err(failure) if failure.is_transient() => {}
                Err(failure) => return Err(SessionError::Libchrony(Stage::Response, failure)),
            }
            deadline.left().map_err(stopped)?;
            let now = Instant::now();
            if answer_by.is_some_and(|end| now >= end) {
                return Err(stopped(Stop::TimedOut));
            }
            if now >= self.impatient {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
