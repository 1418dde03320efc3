//! A chronyd inside the process: libchrony's `send` and `recv`, driven by the fuzzer's input.
//!
//! The dynamic loader resolves `send` and `recv` of libchrony to those of this program. So no datagram passes through
//! the kernel, and a call waits only if the input makes chronyd silent. A valid reply repeats the request's random
//! sequence number. This is done here, because otherwise no input would pass libchrony's check of the header.
//!
//! The input is a sequence of calls:
//!
//! - A byte selects the report by its index in `libchrony::REPORTS`, modulo the number of reports. If the quotient is
//!   odd, the report is read by its name.
//! - A byte has the options. Bits 0 and 1 select the layout of the replies. In the first call, bits 2 and 3 select the
//!   number of lanes (1, 2, 3 or 8). If bit 4 is set, each `send` of the call takes a byte, the number of its error or
//!   0. The call blocks if bits 5 to 7 are all set, and never waits otherwise.
//! - For each `recv`, a byte selects an action, and further bytes are its parameters (see [`Chronyd::datagram`]).
//!
//! The next call follows when a call has ended. After the end of the input, chronyd is gone.

use crate::layout::{NUMBER_OF_SOURCES, REPORTS};
use crate::tally;
use libc::{c_int, c_void, size_t, ssize_t};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::slice;

const HEADER: usize = 28;
/// The errors of `send` and `recv`. Number 0 means success.
const ERRORS: [c_int; 9] = [
    0,
    libc::EAGAIN,
    libc::EINTR,
    libc::ECONNREFUSED,
    libc::ENOTCONN,
    libc::ENOBUFS,
    libc::EPERM,
    libc::EMSGSIZE,
    libc::EHOSTUNREACH,
];
/// The action that means silence until the deadline. It has only one value, because each occurrence takes milliseconds.
const SILENCE: u8 = 0xff;

thread_local! {
    static CHRONYD: RefCell<Option<Chronyd>> = const { RefCell::new(None) };
}

/// The rest of the input.
pub(crate) struct Script(VecDeque<u8>);

impl Script {
    pub(crate) fn new(input: &[u8]) -> Self {
        Self(input.iter().copied().collect())
    }

    /// Returns the number of lanes that the first call selects.
    pub(crate) fn lanes(&self) -> usize {
        let first = self.0.get(1).copied().unwrap_or(0);
        [1, 2, 3, 8][usize::from(first >> 2 & 3)]
    }

    fn byte(&mut self) -> u8 {
        self.0.pop_front().unwrap_or(0)
    }

    /// Fills the bytes with input, and with zeros after its end.
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.byte());
    }

    /// Sets up to seven bytes at positions from the input.
    fn patch(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.byte() % 8 {
            let place = usize::from(self.byte()) % bytes.len();
            bytes[place] = self.byte();
        }
    }
}

/// The parts of a request that its reply depends on.
#[derive(Clone, Copy, Default)]
struct Request {
    /// The socket that sent the request, and receives its reply.
    socket: c_int,
    code: u16,
    sequence: [u8; 4],
}

impl Request {
    /// Returns the code of the reply, and the length of its body.
    fn reply(self, layout: usize) -> (u16, usize) {
        if self.code == NUMBER_OF_SOURCES.0 {
            return (NUMBER_OF_SOURCES.1, 4);
        }
        let report = REPORTS.iter().find(|report| report.request == self.code);
        let report = report.unwrap_or_else(|| panic!("a request that reads no report: {}", self.code));
        let layout = &report.layouts[layout % report.layouts.len()];
        (layout.reply, layout.fields().map(|(_, wire, _)| wire.size()).sum())
    }
}

struct Chronyd {
    script: Script,
    /// The layout of the replies in this call.
    layout: usize,
    /// True if `send` may fail in this call.
    sends_fail: bool,
    silent: bool,
    /// The requests that are not answered yet.
    requests: VecDeque<Request>,
    /// The request that was answered last.
    answered: Request,
    /// The last datagram.
    last: Vec<u8>,
}

/// Runs `calls` with a chronyd that follows the script.
pub(crate) fn play(script: Script, calls: impl FnOnce()) {
    CHRONYD.set(Some(Chronyd {
        script,
        layout: 0,
        sends_fail: false,
        silent: false,
        requests: VecDeque::new(),
        answered: Request::default(),
        last: Vec::new(),
    }));
    calls();
    CHRONYD.set(None);
}

/// Returns the report and the options of the next call, or nothing at the end of the input.
pub(crate) fn next_call() -> Option<(u8, u8)> {
    CHRONYD.with_borrow_mut(|chronyd| {
        let chronyd = chronyd.as_mut()?;
        let report = chronyd.script.0.pop_front()?;
        let options = chronyd.script.byte();
        chronyd.layout = usize::from(options & 3);
        chronyd.sends_fail = options & 0x10 != 0;
        chronyd.silent = false;
        // What a failed call left unanswered belongs to a session that no longer exists.
        chronyd.requests.clear();
        Some((report, options))
    })
}

impl Chronyd {
    fn send(&mut self, socket: c_int, request: &[u8]) -> Result<usize, c_int> {
        assert!(request.len() >= HEADER && request[..4] == [6, 1, 0, 0], "not a request: {request:?}");
        if self.sends_fail {
            let error = ERRORS[usize::from(self.script.byte()) % ERRORS.len()];
            if error != 0 {
                return Err(error);
            }
        }
        let code = u16::from_be_bytes([request[4], request[5]]);
        let sequence = [request[8], request[9], request[10], request[11]];
        self.requests.push_back(Request { socket, code, sequence });
        Ok(request.len())
    }

    fn recv(&mut self, socket: c_int, buffer: &mut [u8]) -> Result<usize, c_int> {
        if self.silent {
            return Err(libc::EAGAIN);
        }
        let Some(first) = self.requests.iter().position(|request| request.socket == socket) else {
            return Err(libc::EAGAIN);
        };
        let request = self.requests[first];
        let Some(action) = self.script.0.pop_front() else { return Err(libc::ECONNREFUSED) };
        let datagram = self.datagram(action, request)?;
        tally::add(&tally::REPLIES, 1);
        let mut right = vec![6, 2, 0, 0];
        right.extend(request.code.to_be_bytes());
        if datagram.len() >= HEADER && datagram.starts_with(&right) && datagram[16..20] == request.sequence {
            tally::add(&tally::ACCEPTED, 1);
            self.answered = request;
            self.requests.remove(first);
        }
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        self.last = datagram;
        Ok(length)
    }

    /// Returns the next datagram, or an error for `recv`.
    fn datagram(&mut self, action: u8, request: Request) -> Result<Vec<u8>, c_int> {
        if action == SILENCE {
            self.silent = true;
            return Err(libc::EAGAIN);
        }
        let script = &mut self.script;
        let mut reply = reply(request, self.layout);
        match action % 12 {
            // Arbitrary values.
            0 => script.fill(&mut reply[HEADER..]),
            // Zeros, except for a few bytes.
            1 => script.patch(&mut reply[HEADER..]),
            // A truncated reply.
            2 => {
                script.fill(&mut reply[HEADER..]);
                let length = usize::from(script.byte()) % reply.len();
                reply.truncate(length);
            }
            // A reply that is too long, possibly longer than libchrony's buffer.
            3 => {
                script.fill(&mut reply[HEADER..]);
                reply.extend(vec![script.byte(); usize::from(script.byte()) * 8]);
            }
            // Another status.
            4 => reply[9] = script.byte(),
            // Another reply code.
            5 => reply[7] = script.byte(),
            // An invalid header.
            6 => {
                script.patch(&mut reply[..HEADER]);
                script.fill(&mut reply[HEADER..]);
            }
            // Arbitrary bytes.
            7 => {
                reply = vec![0; usize::from(script.byte())];
                script.fill(&mut reply);
            }
            8 => return Err(ERRORS[1 + usize::from(script.byte()) % (ERRORS.len() - 1)]),
            // Another reply to the last answered request.
            9 if self.answered.code != 0 => {
                reply = self::reply(self.answered, self.layout);
                script.fill(&mut reply[HEADER..]);
            }
            // The last datagram again.
            10 => reply.clone_from(&self.last),
            // The length of a short list.
            11 if request.code == 14 => reply[HEADER + 3] = script.byte() % 16,
            // Zeros.
            _ => {}
        }
        Ok(reply)
    }
}

/// Returns a valid reply whose values are all 0.
fn reply(request: Request, layout: usize) -> Vec<u8> {
    let (code, length) = request.reply(layout);
    let mut reply = vec![0; HEADER + length];
    reply[..2].copy_from_slice(&[6, 2]);
    reply[4..6].copy_from_slice(&request.code.to_be_bytes());
    reply[6..8].copy_from_slice(&code.to_be_bytes());
    reply[16..20].copy_from_slice(&request.sequence);
    reply
}

/// Converts a result to the return value of the C function, and sets `errno`.
fn to_c(result: Result<usize, c_int>) -> ssize_t {
    match result {
        Ok(length) => length.try_into().expect("a short datagram"),
        Err(error) => {
            // SAFETY: points to this thread's errno.
            unsafe { *libc::__errno_location() = error };
            -1
        }
    }
}

/// The C library's function, played while a chronyd is.
///
/// # Safety
///
/// As for the C library's.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn send(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int) -> ssize_t {
    let played = CHRONYD.with_borrow_mut(|chronyd| {
        // SAFETY: the caller's buffer has that length.
        chronyd.as_mut().map(|chronyd| chronyd.send(fd, unsafe { slice::from_raw_parts(buffer.cast(), length) }))
    });
    match played {
        Some(result) => to_c(result),
        // SAFETY: the caller's arguments as they are.
        None => unsafe { libc::sendto(fd, buffer, length, flags, std::ptr::null(), 0) },
    }
}

/// The C library's function, played while a chronyd is.
///
/// # Safety
///
/// As for the C library's.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn recv(fd: c_int, buffer: *mut c_void, length: size_t, flags: c_int) -> ssize_t {
    let played = CHRONYD.with_borrow_mut(|chronyd| {
        // SAFETY: the caller's buffer has that length, and libchrony has zeroed it.
        chronyd.as_mut().map(|chronyd| chronyd.recv(fd, unsafe { slice::from_raw_parts_mut(buffer.cast(), length) }))
    });
    match played {
        Some(result) => to_c(result),
        // SAFETY: the caller's arguments as they are.
        None => unsafe { libc::recvfrom(fd, buffer, length, flags, std::ptr::null_mut(), std::ptr::null_mut()) },
    }
}
