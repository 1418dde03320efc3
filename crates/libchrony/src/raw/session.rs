//! The guard around libchrony's session, and the lock around its static string buffer.

use super::descriptor::{close_on_exec, is_marked, is_urandom, mark, next_number};
use super::failure::Failure;
use super::socket::Socket;
use crate::raw::open_lock::Opening;
use crate::raw::per_process::PerProcess;
use libchrony_sys::Symbols;
use libchrony_sys::types as c;
use rustix::fd::RawFd;
use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks libchrony's static string buffer, which is one for the whole process. The lock is never held across a system
/// call that can wait.
pub(super) fn string_lock() -> MutexGuard<'static, ()> {
    static LOCK: PerProcess<Mutex<()>> = PerProcess::new();
    LOCK.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session, which may share its socket with others. Every method except [`RawSession::new`] is one libchrony call.
#[derive(Debug)]
pub(crate) struct RawSession {
    session: NonNull<c::ChronySession>,
    /// The socket, which is closed with its last session.
    socket: Arc<Socket>,
    /// The number of its marked descriptor of /dev/urandom, or `None` if the number is not known.
    urandom: Option<RawFd>,
}

// SAFETY: a libchrony session is not tied to the thread that created it. Only one thread at a time uses it, since the
// guard is not Sync and not Clone. The static string buffer that sessions share is behind `string_lock`.
unsafe impl Send for RawSession {}

impl Drop for RawSession {
    fn drop(&mut self) {
        // Other code may have closed the session's descriptors and reused their numbers. The marker only proves that a
        // number belongs to some session, and the socket proves that it is this one. If either is lost, the session's
        // memory is leaked.
        if !self.socket.is_still_ours() || !self.urandom.is_none_or(is_marked) {
            return;
        }
        // SAFETY: the session came from chrony_init_session and is only destroyed here.
        unsafe { (self.symbols().chrony_deinit_session)(self.session()) };
    }
}

impl RawSession {
    /// Creates a session on a socket.
    pub(crate) fn new(socket: &Arc<Socket>, opening: &Opening) -> Result<Self, Failure> {
        // libchrony opens /dev/urandom for the session without close-on-exec, and does not return the descriptor. It is
        // the lowest free one, which no other thread of this crate takes in between.
        let (next, _streams) = next_number(socket);
        let mut session = ptr::null_mut();
        // SAFETY: the pointer is writable, and the socket is open.
        let code = unsafe { (socket.symbols().chrony_init_session)(&raw mut session, socket.fd()) };
        Failure::check(code)?;
        let urandom = next.filter(|fd| opening.is_alone() && is_urandom(*fd));
        if let Some(fd) = urandom {
            // If this fails, child programs inherit the descriptor, as libchrony left it.
            let _ = close_on_exec(fd);
        }
        let urandom = urandom.filter(|fd| mark(*fd));
        match NonNull::new(session) {
            Some(session) => Ok(Self { session, socket: Arc::clone(socket), urandom }),
            None => Err(Failure { code: c::CHRONY_NO_MEMORY, errno: None }),
        }
    }

    /// Returns the socket of the session.
    pub(crate) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn symbols(&self) -> &Symbols {
        self.socket.symbols()
    }

    fn session(&self) -> *mut c::ChronySession {
        self.session.as_ptr()
    }

    /// Sends a request for the number of records. libchrony sends nothing for a report that always has one record.
    pub(crate) fn request_count(&mut self, report: &'static CStr) -> Result<(), Failure> {
        // SAFETY: a live session; the name lives as long as the program.
        Failure::check(unsafe {
            (self.symbols().chrony_request_report_number_records)(self.session(), report.as_ptr())
        })
    }

    /// Sends a request for a record. libchrony keeps the pointer to the name, hence `'static`.
    pub(crate) fn request_record(&mut self, report: &'static CStr, index: c::Int) -> Result<(), Failure> {
        // SAFETY: a live session; the name lives as long as the program, so libchrony may keep the pointer.
        Failure::check(unsafe { (self.symbols().chrony_request_record)(self.session(), report.as_ptr(), index) })
    }

    /// Sends a request for a record of a report that is requested by address. libchrony may read the address from the
    /// last response, in its string buffer. The socket must not block.
    pub(crate) fn request_record_by_address(&mut self, report: &'static CStr, index: c::Int) -> Result<(), Failure> {
        let _lock = string_lock();
        self.request_record(report, index)
    }

    /// Makes libchrony forget a record that it could not request by address. Otherwise it would request the record when
    /// the next number of records arrives.
    pub(crate) fn forget_record(&mut self) {
        // Each request for a record replaces the previous one. This one does not name a report, so nothing is sent.
        let _ = self.request_record(c"", 0);
    }

    /// Receives one datagram of a report that is requested by address. The socket must not block, either for a datagram
    /// or to send the second request.
    pub(crate) fn process_response_by_address(&mut self) -> Result<(), Failure> {
        let _lock = string_lock();
        self.process_response()
    }

    /// Receives one datagram. Success does not mean that the datagram was the response.
    pub(crate) fn process_response(&mut self) -> Result<(), Failure> {
        // SAFETY: a live session. In any state but "request sent" the function returns an error.
        Failure::check(unsafe { (self.symbols().chrony_process_response)(self.session()) })
    }

    pub(crate) fn needs_response(&self) -> bool {
        // SAFETY: a live session, which is only read.
        unsafe { (self.symbols().chrony_needs_response)(self.session()) }
    }

    /// Returns the number of records. It is negative if chronyd's number does not fit.
    pub(crate) fn number_records(&self) -> c::Int {
        // SAFETY: a live session, which is only read.
        unsafe { (self.symbols().chrony_get_report_number_records)(self.session()) }
    }

    /// Returns the number of fields in the record.
    pub(crate) fn number_fields(&self) -> c::Int {
        // SAFETY: a live session, which is only read.
        unsafe { (self.symbols().chrony_get_record_number_fields)(self.session()) }
    }

    /// Returns the name of the field at `index`, if there is one.
    pub(crate) fn field_name(&self, index: c::Int) -> Option<&CStr> {
        // SAFETY: a live session; any index is allowed, and one without a field gives null.
        let name = unsafe { (self.symbols().chrony_get_field_name)(self.session(), index) };
        // SAFETY: the pointer is not null, so it is a string literal of the library, which stays loaded as long as the
        // session.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
    }

    pub(crate) fn field_index(&self, name: &CStr) -> Option<c::Int> {
        // SAFETY: a live session; a NUL-terminated name.
        let index = unsafe { (self.symbols().chrony_get_field_index)(self.session(), name.as_ptr()) };
        (index >= 0).then_some(index)
    }

    pub(crate) fn field_type(&self, index: c::Int) -> c::ChronyFieldType {
        // SAFETY: a live session; any index is allowed.
        unsafe { (self.symbols().chrony_get_field_type)(self.session(), index) }
    }

    /// Returns the number of a field's content. libchrony reads an address into its string buffer for this.
    pub(crate) fn field_content(&self, index: c::Int) -> c::ChronyFieldContent {
        let _lock = string_lock();
        // SAFETY: a live session; any index is allowed.
        unsafe { (self.symbols().chrony_get_field_content)(self.session(), index) }
    }

    pub(crate) fn field_uinteger(&self, index: c::Int) -> u64 {
        // SAFETY: a live session; any index is allowed.
        unsafe { (self.symbols().chrony_get_field_uinteger)(self.session(), index) }
    }

    pub(crate) fn field_integer(&self, index: c::Int) -> i64 {
        // SAFETY: a live session; any index is allowed.
        unsafe { (self.symbols().chrony_get_field_integer)(self.session(), index) }
    }

    pub(crate) fn field_float(&self, index: c::Int) -> f64 {
        // SAFETY: a live session; any index is allowed.
        unsafe { (self.symbols().chrony_get_field_float)(self.session(), index) }
    }

    pub(crate) fn field_timespec(&self, index: c::Int) -> c::Timespec {
        // SAFETY: a live session; any index is allowed.
        unsafe { (self.symbols().chrony_get_field_timespec)(self.session(), index) }
    }

    /// Returns a copy of a field's string. The lock is held, because any other session overwrites the buffer.
    pub(crate) fn field_string(&self, index: c::Int) -> Option<String> {
        let _lock = string_lock();
        // SAFETY: a live session; any index is allowed, and one without a string gives null.
        let string = unsafe { (self.symbols().chrony_get_field_string)(self.session(), index) };
        // SAFETY: the pointer is not null, so it is NUL-terminated, and nothing writes to the buffer while the lock is
        // held.
        (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned())
    }

    /// Returns libchrony's name of a constant of a field.
    pub(crate) fn constant_name(&self, index: c::Int, value: u64) -> Option<&str> {
        // SAFETY: a live session; any index and value are allowed, and one without a name gives null.
        let name = unsafe { (self.symbols().chrony_get_field_constant_name)(self.session(), index, value) };
        // SAFETY: the pointer is not null, so it is a string literal of the library, which stays loaded as long as the
        // session.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_str().ok())?
    }
}
