//! Development only: a library with libchrony's C interface that does what its address says.
//!
//! It is for what no daemon can produce: a field that is missing or of another type, a value that is not a number, a
//! call that fails for a reason of its own. What a daemon can produce belongs to the scripted chronyd.
//!
//! The script is the address given to `chrony_open_socket`, so each connection has its own; see `script` for its
//! grammar. The descriptor is a real one, and readable when there is a response, so that timed waits work.
//! This file is the C interface; `record` holds what a session can read.

mod future;
#[path = "../../src/scripted/layout.rs"]
#[expect(dead_code, reason = "the stub has no wire, and shares the table for its names and defaults")]
mod layout;
mod record;
mod script;

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::ptr;
use std::sync::{Arc, LazyLock, Mutex};

use libc::timespec;

use layout::{Key, Report};
use record::{Field, Value};
use script::Script;

/// The error codes of libchrony that the stub returns without a script.
mod error {
    use std::ffi::c_uint;
    pub(crate) const OK: c_uint = 0;
    pub(crate) const UNKNOWN_REPORT: c_uint = 3;
    pub(crate) const RECV_FAILED: c_uint = 6;
    pub(crate) const INVALID_ARGUMENT: c_uint = 7;
    pub(crate) const UNEXPECTED_CALL: c_uint = 8;
    pub(crate) const UNEXPECTED_STATUS: c_uint = 11;
    pub(crate) const NUMBER: c_uint = 15;
    /// An error without a description.
    pub(crate) const WORDLESS: c_uint = 98;
}

/// The sockets that `chrony_open_socket` opened: chronyd's end of each, and the script.
static OPEN: LazyLock<Mutex<HashMap<c_int, Opened>>> = LazyLock::new(Mutex::default);

type Opened = (UnixDatagram, Arc<Script>);

static REPORT_NAMES: LazyLock<Vec<CString>> =
    LazyLock::new(|| reports().map(|report| CString::new(report.name).expect("no NUL")).collect());

static ERROR_STRINGS: LazyLock<Vec<CString>> = LazyLock::new(|| {
    (0..=error::NUMBER).map(|code| CString::new(format!("stub's error {code}")).expect("no NUL")).collect()
});

/// The reports that this library knows.
fn reports() -> impl Iterator<Item = &'static Report> {
    layout::REPORTS.iter().chain(future::REPORTS)
}

/// A request that is not answered yet.
#[derive(Clone, Copy)]
enum Asked {
    Number(&'static Report),
    Record(&'static Report, c_int),
}

/// libchrony's `chrony_session`.
pub struct Session {
    fd: c_int,
    script: Arc<Script>,
    asked: Option<Asked>,
    strangers: usize,
    records: c_int,
    fields: Vec<Field>,
}

impl Session {
    /// Puts the response into the queue, after responses that are for other clients.
    fn ask(&mut self, asked: Asked) {
        self.strangers = self.script.again;
        if !self.script.silent
            && let Some((chronyd, _)) = OPEN.lock().expect("no panic").get(&self.fd)
        {
            for _ in 0..=self.strangers {
                // If the queue is full, the response is lost.
                chronyd.send(&[0]).ok();
            }
        }
        self.asked = Some(asked);
    }

    fn field(&self, index: c_int) -> Option<&Field> {
        self.fields.get(usize::try_from(index).ok()?)
    }

    fn value(&self, index: c_int) -> &Value {
        self.field(index).map_or(&Value::None, |field| &field.value)
    }
}

/// Returns the session behind a pointer that `chrony_init_session` gave and `chrony_deinit_session` has not taken back.
unsafe fn session<'a>(session: *mut Session) -> &'a mut Session {
    // SAFETY: the caller keeps libchrony's rule: a live session, used by one thread at a time.
    unsafe { session.as_mut() }.expect("a session")
}

/// Returns the report of a name. Aborts if the name is NULL, which would crash libchrony.
unsafe fn report(name: *const c_char) -> Option<&'static Report> {
    assert!(!name.is_null(), "report name is NULL");
    // SAFETY: not NULL, and the caller keeps libchrony's rule: it ends with a NUL.
    let name = unsafe { CStr::from_ptr(name) };
    reports().find(|report| report.name.as_bytes() == name.to_bytes())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_open_socket(address: *const c_char) -> c_int {
    let script = if address.is_null() {
        String::new()
    } else {
        // SAFETY: not NULL, and the caller keeps libchrony's rule: it ends with a NUL.
        unsafe { CStr::from_ptr(address) }.to_string_lossy().into_owned()
    };
    let script = Script::parse(&script).unwrap_or_else(|error| {
        eprintln!("stub: {error}");
        Script::that_fails_to_open(libc::EINVAL)
    });
    if script.open != 0 {
        script::set_errno(script.open);
        return -1;
    }
    let Ok((client, chronyd)) = UnixDatagram::pair() else { return -1 };
    chronyd.set_nonblocking(true).expect("a socket of ours");
    // SAFETY: a descriptor of ours. Cleared because libchrony does not set close-on-exec either.
    unsafe { libc::fcntl(client.as_raw_fd(), libc::F_SETFD, 0) };
    let fd = client.into_raw_fd();
    OPEN.lock().expect("no panic").insert(fd, (chronyd, Arc::new(script)));
    fd
}

#[unsafe(no_mangle)]
extern "C" fn chrony_close_socket(fd: c_int) {
    OPEN.lock().expect("no panic").remove(&fd);
    if fd >= 0 {
        // SAFETY: the caller keeps libchrony's rule: its own descriptor, closed once.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

#[unsafe(no_mangle)]
extern "C" fn chrony_get_error_string(code: c_uint) -> *const c_char {
    if code == error::WORDLESS {
        return ptr::null();
    }
    ERROR_STRINGS[code.min(error::NUMBER) as usize].as_ptr()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_init_session(place: *mut *mut Session, fd: c_int) -> c_uint {
    let Some(script) = OPEN.lock().expect("no panic").get(&fd).map(|(_, script)| Arc::clone(script)) else {
        return error::INVALID_ARGUMENT;
    };
    if script.init != error::OK {
        return script.fail(script.init);
    }
    let session = Session { fd, script, asked: None, strangers: 0, records: 0, fields: vec![] };
    // SAFETY: the caller keeps libchrony's rule: a place for a pointer.
    unsafe { *place = Box::into_raw(Box::new(session)) };
    error::OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_deinit_session(session: *mut Session) {
    // SAFETY: the caller keeps libchrony's rule: a live session, not used after this.
    drop(unsafe { Box::from_raw(session) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_fd(s: *mut Session) -> c_int {
    // SAFETY: see `session`.
    unsafe { session(s) }.fd
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_needs_response(s: *mut Session) -> bool {
    // SAFETY: see `session`.
    unsafe { session(s) }.asked.is_some()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_process_response(s: *mut Session) -> c_uint {
    // SAFETY: see `session`.
    let session = unsafe { session(s) };
    let Some(asked) = session.asked else { return error::UNEXPECTED_CALL };
    let failure = match asked {
        Asked::Number(_) => session.script.count_process,
        Asked::Record(..) => session.script.process,
    };
    if failure == error::RECV_FAILED {
        // As in libchrony, nothing is received, and the session still waits.
        return session.script.fail(failure);
    }
    session.fields.clear();
    // SAFETY: the session's descriptor is open by libchrony's rules; ManuallyDrop leaves it so.
    let socket = ManuallyDrop::new(unsafe { UnixDatagram::from_raw_fd(session.fd) });
    if socket.recv(&mut [0; 16]).is_err() {
        return error::RECV_FAILED;
    }
    if session.strangers > 0 {
        session.strangers -= 1;
        return error::OK;
    }
    session.asked = None;
    match asked {
        Asked::Number(report) => {
            session.records = session.script.records(report);
            session.script.fail(failure)
        }
        Asked::Record(..) if failure != error::OK => session.script.fail(failure),
        Asked::Record(report, index) => {
            if report.key != Key::Single && index >= session.script.records(report).max(1) {
                return error::UNEXPECTED_STATUS;
            }
            session.fields = session.script.record(report);
            error::OK
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn chrony_get_number_supported_reports() -> c_int {
    c_int::try_from(REPORT_NAMES.len()).expect("a few")
}

#[unsafe(no_mangle)]
extern "C" fn chrony_get_report_name(index: c_int) -> *const c_char {
    let name = usize::try_from(index).ok().and_then(|index| REPORT_NAMES.get(index));
    name.map_or(ptr::null(), |name| name.as_ptr())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_request_report_number_records(s: *mut Session, name: *const c_char) -> c_uint {
    // SAFETY: see `session` and `report`.
    let (session, report) = unsafe { (session(s), report(name)) };
    let Some(report) = report else { return error::UNKNOWN_REPORT };
    if session.script.count_request != error::OK {
        return session.script.fail(session.script.count_request);
    }
    if report.key == Key::Single {
        session.records = session.script.records(report);
    } else {
        session.records = 0;
        session.ask(Asked::Number(report));
    }
    error::OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_report_number_records(s: *mut Session) -> c_int {
    // SAFETY: see `session`.
    unsafe { session(s) }.records
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_request_record(s: *mut Session, name: *const c_char, index: c_int) -> c_uint {
    // SAFETY: see `session` and `report`.
    let (session, report) = unsafe { (session(s), report(name)) };
    let Some(report) = report else { return error::UNKNOWN_REPORT };
    if session.script.request != error::OK {
        return session.script.fail(session.script.request);
    }
    if report.key == Key::Single && index != 0 {
        return error::INVALID_ARGUMENT;
    }
    session.ask(Asked::Record(report, index));
    error::OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_record_number_fields(s: *mut Session) -> c_int {
    // SAFETY: see `session`.
    c_int::try_from(unsafe { session(s) }.fields.len()).expect("a few")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_name(s: *mut Session, index: c_int) -> *const c_char {
    // SAFETY: see `session`.
    unsafe { session(s) }.field(index).map_or(ptr::null(), |field| field.name.as_ptr())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_index(s: *mut Session, name: *const c_char) -> c_int {
    // SAFETY: see `session`; the caller keeps libchrony's rule: the name ends with a NUL.
    let (session, name) = unsafe { (session(s), CStr::from_ptr(name)) };
    let index = session.fields.iter().position(|field| field.name.as_c_str() == name);
    index.map_or(-1, |index| c_int::try_from(index).expect("a few"))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_type(s: *mut Session, index: c_int) -> c_uint {
    // SAFETY: see `session`.
    match unsafe { session(s) }.value(index) {
        Value::None => 0,
        Value::Uint(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::Time(..) => 4,
        Value::Text(_) => 5,
    }
}

/// CHRONY_CONTENT_TIME, CHRONY_CONTENT_ADDRESS or CHRONY_CONTENT_NONE: libchrony's own reports need no others.
#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_content(s: *mut Session, index: c_int) -> c_uint {
    // SAFETY: see `session`.
    let session = unsafe { session(s) };
    let future = session.field(index).and_then(|field| future::content(field.name.to_bytes()));
    future.unwrap_or(match session.value(index) {
        Value::Time(..) => 2,
        Value::Text(Some(_)) => 15,
        _ => 0,
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_uinteger(s: *mut Session, index: c_int) -> u64 {
    // SAFETY: see `session`.
    match unsafe { session(s) }.value(index) {
        Value::Uint(number) => *number,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_integer(s: *mut Session, index: c_int) -> i64 {
    // SAFETY: see `session`.
    match unsafe { session(s) }.value(index) {
        Value::Int(number) => *number,
        _ => 0,
    }
}

/// Returns 0 for another type, as libchrony does on glibc.
#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_float(s: *mut Session, index: c_int) -> f64 {
    // SAFETY: see `session`.
    match unsafe { session(s) }.value(index) {
        Value::Float(number) => *number,
        _ => 0.0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_timespec(s: *mut Session, index: c_int) -> timespec {
    // SAFETY: see `session`.
    match *unsafe { session(s) }.value(index) {
        Value::Time(seconds, nanoseconds) => timespec { tv_sec: seconds, tv_nsec: nanoseconds },
        _ => timespec { tv_sec: 0, tv_nsec: 0 },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_string(s: *mut Session, index: c_int) -> *const c_char {
    // SAFETY: see `session`.
    match unsafe { session(s) }.value(index) {
        Value::Text(Some(text)) => text.as_ptr(),
        _ => ptr::null(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chrony_get_field_constant_name(s: *mut Session, index: c_int, value: u64) -> *const c_char {
    // SAFETY: see `session`.
    let name = unsafe { session(s) }.field(index).and_then(|field| field.constant_name(value));
    name.map_or(ptr::null(), CStr::as_ptr)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens a session, reads one field of tracking through the C interface, and closes the session.
    fn stratum(script: &CStr) -> Result<u64, c_uint> {
        let mut s = ptr::null_mut();
        // SAFETY: called in order, with strings that end with a NUL.
        unsafe {
            let fd = chrony_open_socket(script.as_ptr());
            assert_eq!(chrony_init_session(&raw mut s, fd), error::OK);
            let mut code = chrony_request_record(s, c"tracking".as_ptr(), 0);
            while code == error::OK && chrony_needs_response(s) {
                code = chrony_process_response(s);
            }
            let stratum = chrony_get_field_uinteger(s, chrony_get_field_index(s, c"stratum".as_ptr()));
            chrony_deinit_session(s);
            chrony_close_socket(fd);
            if code == error::OK { Ok(stratum) } else { Err(code) }
        }
    }

    #[test]
    fn a_session_does_what_its_script_says() {
        assert_eq!(stratum(c"/stratum=9;again=3"), Ok(9));
        assert_eq!(stratum(c"/stratum:float"), Ok(0));
        assert_eq!(stratum(c"/request=5"), Err(5));
        assert_eq!(stratum(c"/process=6;errno=11"), Err(6));
        assert!(OPEN.lock().unwrap().is_empty());
    }

    #[test]
    fn a_socket_that_does_not_open_says_why() {
        // SAFETY: a string that ends with a NUL.
        assert_eq!(unsafe { chrony_open_socket(c"/open=13".as_ptr()) }, -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EACCES));
    }
}
