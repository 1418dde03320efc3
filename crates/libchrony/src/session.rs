//! One request at a time: send it, wait for its response until a deadline, send it again, give up.
//!
//! A session that has returned an error is never used again, which is the caller's to see to. There is no policy
//! here: no address, no reconnecting, no message.

use crate::raw::{Failure, RawSession, SLICE};
use crate::record::{FieldError, Record};
use crate::report::Report;
use libchrony_sys::types::{CHRONY_UNEXPECTED_STATUS, Int};
use std::cell::Cell;
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// How long the first request waits before it is sent again. Doubled each time, as in chronyc.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// A year: longer than anybody waits, and short enough to add to any time.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The most records that a report is believed to have; thousands of sources are far beyond what chronyd can poll.
const MAX_RECORDS: Int = 65_536;

/// The end of a call, and the question whether to end it earlier.
pub(crate) struct Deadline<'a> {
    end: Instant,
    interrupted: &'a dyn Fn() -> bool,
    asked: Cell<Instant>,
}

impl<'a> Deadline<'a> {
    pub(crate) fn new(timeout: Duration, interrupted: &'a dyn Fn() -> bool) -> Self {
        let now = Instant::now();
        Self { end: now + timeout.min(FOREVER), interrupted, asked: Cell::new(now) }
    }

    /// Whether to go on. Asks the caller too, but not more often than every [`SLICE`].
    fn check(&self, now: Instant) -> Result<(), Stop> {
        if now.duration_since(self.asked.get()) >= SLICE {
            self.ask()?;
        }
        if now >= self.end { Err(Stop::TimedOut) } else { Ok(()) }
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
        if interrupted { Err(Stop::Interrupted) } else { Ok(()) }
    }
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    TimedOut,
    Interrupted,
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

/// A session and what is known of the chronyd at its other end.
#[derive(Debug)]
pub(crate) struct Session {
    raw: RawSession,
    /// How many requests were sent since the last response.
    pub(crate) requests: u32,
    /// Whether chronyd has answered on this session.
    pub(crate) answered: bool,
    /// Give up when the first request is not answered at once, rather than send it again.
    pub(crate) single_try: bool,
}

impl Session {
    pub(crate) fn new(raw: RawSession) -> Self {
        Self { raw, requests: 0, answered: false, single_try: false }
    }

    /// Reads the only record of a report. libchrony has no request for the number of such a report's records, and
    /// asking for it would leave a session that was waiting in that state.
    pub(crate) fn read_one<R: Report>(&mut self, deadline: &Deadline<'_>) -> Result<R, SessionError> {
        self.record(R::NAME, 0, deadline)
    }

    /// Reads all records of a report, in chronyd's order.
    pub(crate) fn read_all<R: Report>(&mut self, deadline: &Deadline<'_>) -> Result<Vec<R>, SessionError> {
        self.exchange(deadline, |raw| raw.request_count(R::NAME))?;
        let count = self.raw.number_records();
        if !(0..=MAX_RECORDS).contains(&count) {
            return Err(SessionError::Count(count));
        }
        let record = |index| match self.record(R::NAME, index, deadline) {
            Err(SessionError::Libchrony(Stage::Response, failure)) if failure.code == CHRONY_UNEXPECTED_STATUS => {
                Err(SessionError::Changed(failure))
            }
            result => result,
        };
        (0..count).map(record).collect()
    }

    fn record<R: Report>(
        &mut self,
        report: &'static CStr,
        index: Int,
        deadline: &Deadline<'_>,
    ) -> Result<R, SessionError> {
        self.exchange(deadline, |raw| raw.request_record(report, index))?;
        R::read(Record::new(&self.raw)).map_err(SessionError::Field)
    }

    /// Sends a request until it is answered.
    fn exchange(
        &mut self,
        deadline: &Deadline<'_>,
        request: impl Fn(&mut RawSession) -> Result<(), Failure>,
    ) -> Result<(), SessionError> {
        self.requests = 0;
        let mut patience = FIRST_PATIENCE;
        loop {
            let now = Instant::now();
            deadline.check(now).map_err(|stop| SessionError::Stopped(Stage::Request, stop))?;
            self.send(deadline, &request)?;
            self.requests += 1;
            if self.receive(deadline, now + patience)? {
                self.answered = true;
                return Ok(());
            }
            if self.single_try && !self.answered {
                return Err(SessionError::Stopped(Stage::Response, Stop::TimedOut));
            }
            patience *= 2;
        }
    }

    /// Waits for the response; false when it has not come until `impatient`.
    fn receive(&mut self, deadline: &Deadline<'_>, impatient: Instant) -> Result<bool, SessionError> {
        while self.raw.needs_response() {
            match self.raw.process_response() {
                // This was the response, as all but always.
                Ok(()) if !self.raw.needs_response() => break,
                // A datagram that libchrony ignored.
                Ok(()) => {}
                Err(failure) if failure.is_transient() => {}
                Err(failure) => {
                    // chronyd did answer, if only with a refusal.
                    self.answered |= failure.errno.is_none();
                    return Err(SessionError::Libchrony(Stage::Response, failure));
                }
            }
            deadline.left().map_err(|stop| SessionError::Stopped(Stage::Response, stop))?;
            if Instant::now() >= impatient {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends a request, waiting while the receiver's queue is full.
    fn send(
        &mut self,
        deadline: &Deadline<'_>,
        request: impl Fn(&mut RawSession) -> Result<(), Failure>,
    ) -> Result<(), SessionError> {
        loop {
            match request(&mut self.raw) {
                Ok(()) => return Ok(()),
                Err(failure) if failure.is_transient() => {
                    deadline.left().map_err(|stop| SessionError::Stopped(Stage::Request, stop))?;
                }
                Err(failure) => return Err(SessionError::Libchrony(Stage::Request, failure)),
            }
        }
    }
}
