//! libchrony's own functions, without anything around them: the minimum cost of any client that uses libchrony.
//!
//! It waits without a deadline, trusts every field, and takes no lock. A record's fields are looked up by name and
//! read with their getters. Several sessions can read a long report at once:
//!
//! - `own`: each session has its own socket, and sends its next request after it has read a response.
//! - `turns`: each session has its own socket. All sessions send, and then all responses are read.
//! - `shared`: all sessions use one socket. chronyd answers in the order of the requests, so that each session finds
//!   its own response at the head of the socket's queue.

use crate::{Case, Contestant, Report};
use libchrony_sys::Symbols;
use libchrony_sys::types::{CHRONY_OK, ChronyErr, ChronySession, Int};
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr;

const SYSTEM: &str = "libchrony.so.0";

pub(crate) struct Raw {
    symbols: &'static Symbols,
    sessions: usize,
    form: Form,
    open: HashMap<String, Lanes>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Own,
    Turns,
    Shared,
}

#[derive(Clone, Copy)]
enum Kind {
    Unsigned,
    Signed,
    Float,
    Time,
    Text,
}

/// The values of a record. Floats are stored as their bits.
struct Record {
    numbers: [u64; 32],
    text: String,
}

use Kind::{Float, Signed, Text, Time, Unsigned};

const TRACKING: &[(&CStr, Kind)] = &[
    (c"reference ID", Unsigned),
    (c"address", Text),
    (c"stratum", Unsigned),
    (c"leap status", Unsigned),
    (c"reference time", Time),
    (c"current correction", Float),
    (c"last offset", Float),
    (c"RMS offset", Float),
    (c"frequency offset", Float),
    (c"residual frequency", Float),
    (c"skew", Float),
    (c"root delay", Float),
    (c"root dispersion", Float),
    (c"last update interval", Float),
];

const SOURCES: &[(&CStr, Kind)] = &[
    (c"address", Text),
    (c"poll", Signed),
    (c"stratum", Unsigned),
    (c"state", Unsigned),
    (c"mode", Unsigned),
    (c"flags", Unsigned),
    (c"reachability", Unsigned),
    (c"last sample ago", Unsigned),
    (c"original last sample offset", Float),
    (c"adjusted last sample offset", Float),
    (c"last sample error", Float),
];

const SOURCE_STATS: &[(&CStr, Kind)] = &[
    (c"reference ID", Unsigned),
    (c"address", Text),
    (c"samples", Unsigned),
    (c"runs", Unsigned),
    (c"span", Unsigned),
    (c"standard deviation", Float),
    (c"residual frequency", Float),
    (c"skew", Float),
    (c"offset", Float),
    (c"offset error", Float),
];

/// The fields in versions of chrony before 4.6.
const NTP_DATA: &[(&CStr, Kind)] = &[
    (c"remote address", Text),
    (c"local address", Text),
    (c"remote port", Unsigned),
    (c"leap status", Unsigned),
    (c"version", Unsigned),
    (c"mode", Unsigned),
    (c"stratum", Unsigned),
    (c"poll", Signed),
    (c"precision", Signed),
    (c"root delay", Float),
    (c"root dispersion", Float),
    (c"reference ID", Unsigned),
    (c"reference time", Time),
    (c"offset", Float),
    (c"peer delay", Float),
    (c"peer dispersion", Float),
    (c"response time", Float),
    (c"jitter asymmetry", Float),
    (c"flags", Unsigned),
    (c"transmit timestamping", Unsigned),
    (c"receive timestamping", Unsigned),
    (c"transmitted messages", Unsigned),
    (c"received messages", Unsigned),
    (c"received valid messages", Unsigned),
    (c"received good messages", Unsigned),
];

/// Sockets and their sessions, all of which are closed when this is dropped.
pub(crate) struct Lanes {
    symbols: &'static Symbols,
    sockets: Vec<Int>,
    sessions: Vec<*mut ChronySession>,
}

impl AsFd for Lanes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the socket is open until the lanes are dropped.
        unsafe { BorrowedFd::borrow_raw(self.sockets[0]) }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        for &session in &self.sessions {
            // SAFETY: chrony_init_session made it, and it is destroyed once.
            unsafe { (self.symbols.chrony_deinit_session)(session) };
        }
        for &socket in &self.sockets {
            // SAFETY: chrony_open_socket made it, and it is closed once.
            unsafe { (self.symbols.chrony_close_socket)(socket) };
        }
    }
}

fn check(code: ChronyErr) -> Result<(), Box<dyn Error>> {
    if code == CHRONY_OK { Ok(()) } else { Err(format!("libchrony error {code}").into()) }
}

impl Lanes {
    fn open(symbols: &'static Symbols, address: &str, count: usize, form: Form) -> Result<Self, Box<dyn Error>> {
        let address = CString::new(address)?;
        let mut lanes = Self { symbols, sockets: Vec::with_capacity(count), sessions: Vec::with_capacity(count) };
        for lane in 0..count {
            if lane == 0 || form != Form::Shared {
                // SAFETY: a NUL-terminated string.
                let socket = unsafe { (symbols.chrony_open_socket)(address.as_ptr()) };
                if socket < 0 {
                    return Err(std::io::Error::last_os_error().into());
                }
                lanes.sockets.push(socket);
            }
            let mut session = ptr::null_mut();
            let socket = lanes.sockets[lanes.sockets.len() - 1];
            // SAFETY: a writable pointer and an open socket.
            check(unsafe { (symbols.chrony_init_session)(&raw mut session, socket) })?;
            lanes.sessions.push(session);
        }
        Ok(lanes)
    }

    /// Opens one session on its own socket.
    pub(crate) fn open_one(symbols: &'static Symbols, address: &str) -> Result<Self, Box<dyn Error>> {
        Self::open(symbols, address, 1, Form::Own)
    }

    pub(crate) fn request_tracking(&self) -> Result<(), Box<dyn Error>> {
        self.request(0, c"tracking", 0)
    }

    /// Receives one datagram. If that is the response, reads the record and returns its address.
    pub(crate) fn take_tracking(&self) -> Result<Option<String>, Box<dyn Error>> {
        let session = self.sessions[0];
        // SAFETY: a live session.
        check(unsafe { (self.symbols.chrony_process_response)(session) })?;
        // SAFETY: a live session.
        if unsafe { (self.symbols.chrony_needs_response)(session) } {
            return Ok(None);
        }
        let record = black_box(self.read(0, TRACKING));
        Ok(Some(record.text))
    }

    fn request(&self, lane: usize, report: &'static CStr, index: Int) -> Result<(), Box<dyn Error>> {
        // SAFETY: a live session; the name lives as long as the program.
        check(unsafe { (self.symbols.chrony_request_record)(self.sessions[lane], report.as_ptr(), index) })
    }

    fn wait(&self, lane: usize) -> Result<(), Box<dyn Error>> {
        let session = self.sessions[lane];
        // SAFETY: a live session.
        while unsafe { (self.symbols.chrony_needs_response)(session) } {
            // SAFETY: a live session.
            check(unsafe { (self.symbols.chrony_process_response)(session) })?;
        }
        Ok(())
    }

    fn count(&self, report: &'static CStr) -> Result<Int, Box<dyn Error>> {
        // SAFETY: a live session; the name lives as long as the program.
        check(unsafe { (self.symbols.chrony_request_report_number_records)(self.sessions[0], report.as_ptr()) })?;
        self.wait(0)?;
        // SAFETY: a live session.
        Ok(unsafe { (self.symbols.chrony_get_report_number_records)(self.sessions[0]) })
    }

    fn read(&self, lane: usize, fields: &[(&CStr, Kind)]) -> Record {
        let (symbols, session) = (self.symbols, self.sessions[lane]);
        let mut record = Record { numbers: [0; 32], text: String::new() };
        for (&(name, kind), number) in fields.iter().zip(&mut record.numbers) {
            // SAFETY: a live session and a NUL-terminated name; every index is allowed. One thread runs here, so the
            // string is copied before another call overwrites it.
            unsafe {
                let index = (symbols.chrony_get_field_index)(session, name.as_ptr());
                match kind {
                    Unsigned => *number = (symbols.chrony_get_field_uinteger)(session, index),
                    Signed => *number = (symbols.chrony_get_field_integer)(session, index).cast_unsigned(),
                    Float => *number = (symbols.chrony_get_field_float)(session, index).to_bits(),
                    Time => *number = (symbols.chrony_get_field_timespec)(session, index).tv_sec.cast_unsigned(),
                    Text => {
                        let text = (symbols.chrony_get_field_string)(session, index);
                        if !text.is_null() {
                            record.text = CStr::from_ptr(text).to_string_lossy().into_owned();
                        }
                    }
                }
            }
        }
        record
    }

    fn read_one(&self) -> Result<Record, Box<dyn Error>> {
        self.request(0, c"tracking", 0)?;
        self.wait(0)?;
        Ok(self.read(0, TRACKING))
    }

    /// Reads a report that needs two requests for each record, because libchrony asks for the source's address first.
    /// The sessions receive in the order of their requests, as chronyd answers.
    fn read_by_address(&self, report: &'static CStr, fields: &[(&CStr, Kind)]) -> Result<Vec<Record>, Box<dyn Error>> {
        let count = usize::try_from(self.count(report)?)?;
        let mut waiting: VecDeque<usize> = (0..count.min(self.sessions.len())).collect();
        for &lane in &waiting {
            self.request(lane, report, Int::try_from(lane)?)?;
        }
        let mut next = waiting.len();
        let mut records = Vec::with_capacity(count);
        while let Some(lane) = waiting.pop_front() {
            let session = self.sessions[lane];
            // SAFETY: a live session.
            check(unsafe { (self.symbols.chrony_process_response)(session) })?;
            // SAFETY: a live session.
            if !unsafe { (self.symbols.chrony_needs_response)(session) } {
                records.push(self.read(lane, fields));
                if next == count {
                    continue;
                }
                self.request(lane, report, Int::try_from(next)?)?;
                next += 1;
            }
            waiting.push_back(lane);
        }
        Ok(records)
    }

    fn read_all(
        &self,
        report: &'static CStr,
        fields: &[(&CStr, Kind)],
        limit: Option<Int>,
        form: Form,
    ) -> Result<Vec<Record>, Box<dyn Error>> {
        let count = usize::try_from(self.count(report)?.min(limit.unwrap_or(Int::MAX)))?;
        let lanes = self.sessions.len();
        let request = |index: usize| self.request(index % lanes, report, Int::try_from(index)?);
        let mut records = Vec::with_capacity(count);
        if form == Form::Turns {
            for start in (0..count).step_by(lanes) {
                let turn = start..count.min(start + lanes);
                turn.clone().try_for_each(request)?;
                for index in turn {
                    self.wait(index % lanes)?;
                    records.push(self.read(index % lanes, fields));
                }
            }
            return Ok(records);
        }
        (0..count.min(lanes)).try_for_each(request)?;
        for index in 0..count {
            self.wait(index % lanes)?;
            records.push(self.read(index % lanes, fields));
            if index + lanes < count {
                request(index + lanes)?;
            }
        }
        Ok(records)
    }
}

/// Loads libchrony for the lifetime of the process.
pub(crate) fn load() -> Result<&'static Symbols, Box<dyn Error>> {
    let file = std::env::var_os("LIBCHRONY_PATH").unwrap_or_else(|| SYSTEM.into());
    // SAFETY: the file is libchrony.
    Ok(Box::leak(Box::new(unsafe { Symbols::load(&file) }?)))
}

impl Raw {
    pub(crate) fn new(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let symbols = load()?;
        let sessions = arguments.first().map_or(Ok(1), |text| text.parse())?;
        let form = match arguments.get(1).map(String::as_str) {
            None | Some("own") => Form::Own,
            Some("turns") => Form::Turns,
            Some("shared") => Form::Shared,
            Some(other) => return Err(format!("no such form: {other}").into()),
        };
        Ok(Self { symbols, sessions, form, open: HashMap::new() })
    }
}

fn read(lanes: &Lanes, case: &Case<'_>, form: Form) -> Result<usize, Box<dyn Error>> {
    Ok(match case.report {
        Report::Tracking => {
            let record = black_box(lanes.read_one()?);
            black_box((record.numbers, record.text));
            1
        }
        Report::Sources => black_box(lanes.read_all(c"sources", SOURCES, case.limit, form)?).len(),
        Report::SourceStats => black_box(lanes.read_all(c"sourcestats", SOURCE_STATS, case.limit, form)?).len(),
        Report::NtpData => black_box(lanes.read_by_address(c"ntpdata", NTP_DATA)?).len(),
    })
}

impl Contestant for Raw {
    fn call(&mut self, case: &Case<'_>) -> Result<usize, Box<dyn Error>> {
        let sessions = if case.report == Report::Tracking { 1 } else { self.sessions };
        if case.once {
            return read(&Lanes::open(self.symbols, case.address, sessions, self.form)?, case, self.form);
        }
        if !self.open.contains_key(case.address) {
            let lanes = Lanes::open(self.symbols, case.address, self.sessions, self.form)?;
            self.open.insert(case.address.to_owned(), lanes);
        }
        read(&self.open[case.address], case, self.form)
    }
}
