//! A chronyd inside the process: libchrony's `send` and `recv`, played from the fuzzer's input.
//!
//! The dynamic loader gives libchrony the `send` and `recv` of this program, so no datagram passes the kernel and
//! nothing ever waits, except for a chronyd that the input makes fall silent. A reply can be right only if it repeats
//! the request's random sequence number; that is done here, or no input would ever get past libchrony's header check.
//!
//! The input, byte by byte:
//!
//! - a call: the number of its report in `libchrony::REPORTS`, and a byte of options. Bits 0 and 1 are the layout of
//!   its replies; bits 2 and 3 of the first call are the number of lanes (1, 2, 3, 8); with bit 4, each `send` of the
//!   call takes a byte, the number of its error or 0; with bits 5 to 7, the call blocks, and otherwise it never waits;
//! - for each `recv`, a byte that says what comes (see [`Chronyd::datagram`]) and what that needs;
//! - when the call is over, the next one. When the input is over, chronyd is gone.

use crate::layout::{NUMBER_OF_SOURCES, REPORTS};
use crate::tally;
use libc::{c_int, c_void, size_t, ssize_t};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::slice;

const HEADER: usize = 28;
/// The errors of `send` and `recv`; the first one is not an error.
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
/// Silence until the deadline. A single value, as it costs milliseconds.
const SILENCE: u8 = 0xff;

thread_local! {
    static CHRONYD: RefCell<Option<Chronyd>> = const { RefCell::new(None) };
}

/// The input that is left.
pub(crate) struct Script(VecDeque<u8>);

impl Script {
    pub(crate) fn new(input: &[u8]) -> Self {
        Self(input.iter().copied().collect())
    }

    /// Returns the number of lanes that the first call names.
    pub(crate) fn lanes(&self) -> usize {
        let first = self.0.get(1).copied().unwrap_or(0);
        [1, 2, 3, 8][usize::from(first >> 2 & 3)]
    }

    fn byte(&mut self) -> u8 {
        self.0.pop_front().unwrap_or(0)
    }

    /// Fills it with what is left, and zeros after that.
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.byte());
    }

    /// Sets some bytes, each at a place that the input names.
    fn patch(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.byte() % 8 {
            let place = usize::from(self.byte()) % bytes.len();
            bytes[place] = self.byte();
        }
    }
}

/// A request, as far as a reply repeats it.
#[derive(Clone, Copy, Default)]
struct Request {
    /// The socket that it was sent on, which its reply comes to.
    socket: c_int,
    code: u16,
    sequence: [u8; 4],
}

impl Request {
    /// The code of the reply, and the length of what follows its header.
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
    /// Set if `send` may fail in this call.
    sends_fail: bool,
    silent: bool,
    /// Those not answered yet.
    requests: VecDeque<Request>,
    /// The one answered last.
    answered: Request,
    last: Vec<u8>,
}

/// Plays chronyd while `calls` runs.
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

/// The report and the options of the next call.
pub(crate) fn next_call() -> Option<(u8, u8)> {
    CHRONYD.with_borrow_mut(|chronyd| {
        let chronyd = chronyd.as_mut()?;
        let report = chronyd.script.0.pop_front()?;
        let options = chronyd.script.byte();
        chronyd.layout = usize::from(options & 3);
        chronyd.sends_fail = options & 0x10 != 0;
        chronyd.silent = false;
        // Those of a call that failed are of a session that is gone.
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

    /// Returns the next datagram, or the error of `recv`.
    fn datagram(&mut self, action: u8, request: Request) -> Result<Vec<u8>, c_int> {
        if action == SILENCE {
            self.silent = true;
            return Err(libc::EAGAIN);
        }
        let script = &mut self.script;
        let mut reply = reply(request, self.layout);
        match action % 12 {
            // Any values.
            0 => script.fill(&mut reply[HEADER..]),
            // Some values that are not 0.
            1 => script.patch(&mut reply[HEADER..]),
            // Cut at any length.
            2 => {
                script.fill(&mut reply[HEADER..]);
                let length = usize::from(script.byte()) % reply.len();
                reply.truncate(length);
            }
            // Longer than a reply is, up to more than libchrony has room for.
            3 => {
                script.fill(&mut reply[HEADER..]);
                reply.extend(vec![script.byte(); usize::from(script.byte()) * 8]);
            }
            // A refusal.
            4 => reply[9] = script.byte(),
            // A reply to something else.
            5 => reply[7] = script.byte(),
            // A header that is wrong somewhere.
            6 => {
                script.patch(&mut reply[..HEADER]);
                script.fill(&mut reply[HEADER..]);
            }
            // Anything at all.
            7 => {
                reply = vec![0; usize::from(script.byte())];
                script.fill(&mut reply);
            }
            8 => return Err(ERRORS[1 + usize::from(script.byte()) % (ERRORS.len() - 1)]),
            // The reply to an earlier request.
            9 if self.answered.code != 0 => {
                reply = self::reply(self.answered, self.layout);
                script.fill(&mut reply[HEADER..]);
            }
            // The same again.
            10 => reply.clone_from(&self.last),
            // A list of a few records.
            11 if request.code == 14 => reply[HEADER + 3] = script.byte() % 16,
            // All values 0.
            _ => {}
        }
        Ok(reply)
    }
}

/// The right reply with all values 0.
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
