//! The border to libchrony: guards round its socket and its session, and the lock round its static string buffer.
//!
//! This is the only module of the crate with `unsafe` code. It calls C and hands out owned Rust values; it takes no
//! decision about addresses, deadlines, retries or fields.
#![expect(unsafe_code, reason = "the only module that calls C")]

use crate::Library;
use crate::alone::open_alone;
use crate::per_process::{PerProcess, process_id};
use libchrony_sys::types as c;
use libchrony_sys::{LoadError, Symbols};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::ffi::{CStr, OsStr};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, mem};

/// The longest that one send or receive may block before the caller looks at its deadline again.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// Opens a library and looks up libchrony's functions in it.
pub(crate) fn load(file: &OsStr) -> Result<Symbols, LoadError> {
    // SAFETY: the user, or the system's loader, names this file as libchrony. libchrony has no initialisers of its
    // own, and its function types are stable under the file name `libchrony.so.0`.
    unsafe { Symbols::load(file) }
}

/// Whether the program has more rights than the user who started it, so that its environment is not to be trusted.
pub(crate) fn is_set_user_id() -> bool {
    // SAFETY: getauxval only reads the process's auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A call into libchrony that failed: its code, and `errno` if the code says that a system call failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) code: c::ChronyErr,
    pub(crate) errno: Option<Errno>,
}

impl Failure {
    /// Must be called right after the C function returned, before anything else can change `errno`.
    fn check(code: c::ChronyErr) -> Result<(), Self> {
        match code {
            c::CHRONY_OK => Ok(()),
            c::CHRONY_SEND_FAILED | c::CHRONY_RECV_FAILED | c::CHRONY_NO_RANDOM => {
                Err(Self { code, errno: Some(last_errno()) })
            }
            _ => Err(Self { code, errno: None }),
        }
    }

    /// Whether the call only ran out of its slice of time, or was interrupted by a signal; the session is unharmed.
    pub(crate) fn is_transient(self) -> bool {
        matches!(self.errno, Some(Errno::AGAIN | Errno::INTR))
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// libchrony's own words for an error code.
pub(crate) fn error_string(library: &Library, code: c::ChronyErr) -> String {
    // SAFETY: takes any code; returns a string literal of the library, which `library` keeps loaded.
    let words = unsafe { CStr::from_ptr((library.symbols().chrony_get_error_string)(code)) };
    words.to_string_lossy().into_owned()
}

/// The lock round libchrony's static string buffer, which is one for the whole process. It is never held across a
/// system call that can wait.
fn string_lock() -> MutexGuard<'static, ()> {
    static LOCK: PerProcess<Mutex<()>> = PerProcess::new();
    LOCK.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// A zero that becomes zero again in every forked child; `None` if the kernel has no such thing.
pub(crate) fn wiped_on_fork() -> Option<&'static AtomicU32> {
    // The kernel rounds up to a page.
    let length = size_of::<AtomicU32>();
    // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
    let page =
        unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }
            .ok()?;
    // SAFETY: the page was mapped just now, and nobody else knows of it.
    if unsafe { madvise(page, length, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: as above; it is not used after this.
        let _ = unsafe { munmap(page, length) };
        return None;
    }
    // SAFETY: a page is aligned, zeroed and large enough, and this one stays mapped until the process ends. A child's
    // page is zeroed before the child runs.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}

/// A client socket that `chrony_open_socket` returned; the one owner of its descriptor and of the path it is bound to.
#[derive(Debug)]
pub(crate) struct Socket {
    library: Library,
    fd: RawFd,
    owner: u32,
    /// What the descriptor is of. Others may close it and get its number: daemons close all that they inherit.
    identity: Option<Identity>,
}

impl Socket {
    /// Opens a socket to a canonical address, by `end` as far as others keep it waiting. It is closed on `exec`, and no send or receive on it blocks for longer
    /// than `slice`, which is not zero. In an error, `errno` is as libchrony left it, which is a hint at best.
    pub(crate) fn open(library: &Library, address: &CStr, slice: Duration, end: Instant) -> io::Result<Self> {
        let _alone = open_alone(end);
        // SAFETY: a NUL-terminated string that outlives the call.
        let fd = unsafe { (library.symbols().chrony_open_socket)(address.as_ptr()) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let socket = Self { library: library.clone(), fd, owner: process_id(), identity: identity(fd) };
        let socket = socket.off_the_standard_streams()?;
        socket.remove_at_exit();
        fcntl_setfd(socket.as_fd(), FdFlags::CLOEXEC)?;
        set_socket_timeout(socket.as_fd(), Timeout::Recv, Some(slice))?;
        set_socket_timeout(socket.as_fd(), Timeout::Send, Some(slice))?;
        if address.to_bytes().starts_with(b"/") {
            socket.refuse_descriptors();
        }
        Ok(socket)
    }

    /// Has the kernel refuse descriptors that the other side sends along. It would drop them, but to close one can take
    /// as long as the sender likes. Linux before 6.16 does not know the option.
    fn refuse_descriptors(&self) {
        // Not in the crate `libc` yet; the number is that of all architectures but PA-RISC and SPARC.
        const SO_PASSRIGHTS: c::Int = 83;
        let (off, length): (c::Int, libc::socklen_t) = (0, c::Int::BITS / 8);
        // SAFETY: the option's value is read from a live integer of this length.
        unsafe { libc::setsockopt(self.fd, libc::SOL_SOCKET, SO_PASSRIGHTS, (&raw const off).cast(), length) };
    }

    /// Whether the descriptor is still this socket's.
    pub(crate) fn is_in_place(&self) -> bool {
        identity(self.fd) == self.identity
    }

    /// Moves to another number if a standard stream was closed and libchrony got its number: what somebody prints would
    /// be sent to chronyd.
    fn off_the_standard_streams(mut self) -> io::Result<Self> {
        if self.fd <= libc::STDERR_FILENO {
            let moved = fcntl_dupfd_cloexec(&self, libc::STDERR_FILENO + 1)?.into_raw_fd();
            // SAFETY: nobody else has the old number, and from here on the guard has the new one.
            drop(unsafe { OwnedFd::from_raw_fd(mem::replace(&mut self.fd, moved)) });
        }
        Ok(self)
    }

    /// Has the path removed when the process exits while the socket is open: in a static, or in a thread that nobody
    /// waits for.
    fn remove_at_exit(&self) {
        // No `Once`: a child that is forked while another thread is in it would wait for that thread for ever.
        static REGISTERED: AtomicBool = AtomicBool::new(false);
        static EXITING: AtomicBool = AtomicBool::new(false);
        extern "C" fn remove() {
            EXITING.store(true, Ordering::SeqCst);
            for (fd, own, library) in &*open_sockets() {
                // SAFETY: what is at the number, if anything, stays open. A socket's thread may be using it.
                let copy = fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(*fd) }, 0);
                if let Some(copy) = copy.ok().filter(|copy| identity(copy.as_raw_fd()) == *own) {
                    // SAFETY: a copy of a descriptor from chrony_open_socket, which is given away here.
                    unsafe { (library.symbols().chrony_close_socket)(copy.into_raw_fd()) };
                }
            }
        }
        open_sockets().push((self.fd, self.identity, self.library.clone()));
        if !REGISTERED.load(Ordering::SeqCst) {
            // SAFETY: the function may be called at any time, and does not panic.
            unsafe { libc::atexit(remove) };
            REGISTERED.store(true, Ordering::SeqCst);
        }
        if EXITING.load(Ordering::SeqCst) {
            remove();
        }
    }
}

/// A descriptor, what it is of, and the library that opened it.
type OpenSocket = (RawFd, Option<Identity>, Library);

/// The sockets that this process has open.
fn open_sockets() -> MutexGuard<'static, Vec<OpenSocket>> {
    static OPEN: PerProcess<Mutex<Vec<OpenSocket>>> = PerProcess::new();
    OPEN.get().lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: this guard owns the descriptor, which stays open as long as the guard.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_in_place = self.is_in_place();
        if self.owner == process_id() {
            open_sockets().retain(|(fd, identity, _)| (*fd, *identity) != (self.fd, self.identity));
            if is_in_place {
                // SAFETY: the descriptor came from chrony_open_socket, or is a copy of one, and is closed here for the
                // only time.
                unsafe { (self.library.symbols().chrony_close_socket)(self.fd) };
            }
        } else if is_in_place {
            // A forked child. chrony_close_socket would remove the parent's path, so only the descriptor is closed.
            // SAFETY: the child's copy of the descriptor has no other owner.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}

/// The device and the inode of what is at a descriptor's number.
type Identity = (u64, u64);

fn identity(fd: RawFd) -> Option<Identity> {
    // SAFETY: the number is used for this call only, which does no harm to whatever it is of.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// A session, which may share its socket with others. Every method is one libchrony call, apart from
/// [`RawSession::new`].
#[derive(Debug)]
pub(crate) struct RawSession {
    session: NonNull<c::ChronySession>,
    /// Closed with the last of its sessions.
    socket: Arc<Socket>,
    /// The number of its own descriptor, if that is known.
    urandom: Option<RawFd>,
}

// SAFETY: a libchrony session has no tie to the thread that created it. One thread at a time uses it, since the guard
// is not Sync and not Clone; the static string buffer that sessions share is behind `string_lock`.
unsafe impl Send for RawSession {}

impl Drop for RawSession {
    fn drop(&mut self) {
        // Others may have closed the session's descriptor, and use its number. If it is not known, the socket's tells.
        if !self.urandom.map_or_else(|| self.socket.is_in_place(), is_urandom) {
            return;
        }
        // SAFETY: the session came from chrony_init_session and is destroyed here for the only time.
        unsafe { (self.symbols().chrony_deinit_session)(self.session()) };
    }
}

impl RawSession {
    /// Makes a session on a socket.
    pub(crate) fn new(socket: &Arc<Socket>, end: Instant) -> Result<Self, Failure> {
        // libchrony opens /dev/urandom for the session without close-on-exec and does not say which descriptor it
        // got. It is the lowest free one; this crate's other threads do not take that in between.
        let alone = open_alone(end);
        let (lowest, _streams) = lowest_free(socket);
        let mut session = ptr::null_mut();
        // SAFETY: a writable pointer and an open socket.
        let code = unsafe { (socket.library.symbols().chrony_init_session)(&raw mut session, socket.fd) };
        Failure::check(code)?;
        let urandom = lowest.filter(|fd| alone.is_some() && is_urandom(*fd));
        if let Some(fd) = urandom {
            // A descriptor that does not take the flag is merely inherited by child programs, as libchrony left it.
            // SAFETY: the number is used for this call only, which does no harm if another thread closes it meanwhile.
            let _ = fcntl_setfd(unsafe { BorrowedFd::borrow_raw(fd) }, FdFlags::CLOEXEC);
        }
        match NonNull::new(session) {
            Some(session) => Ok(Self { session, socket: Arc::clone(socket), urandom }),
            None => Err(Failure { code: c::CHRONY_NO_MEMORY, errno: None }),
        }
    }

    fn symbols(&self) -> &Symbols {
        self.socket.library.symbols()
    }

    fn session(&self) -> *mut c::ChronySession {
        self.session.as_ptr()
    }

    /// Sends a request for the number of records. libchrony sends none for a report that always has one.
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

    /// Receives one datagram. Success does not mean that it was the response.
    pub(crate) fn process_response(&mut self) -> Result<(), Failure> {
        // SAFETY: a live session. In any state but "request sent" the function returns an error.
        Failure::check(unsafe { (self.symbols().chrony_process_response)(self.session()) })
    }

    pub(crate) fn needs_response(&self) -> bool {
        // SAFETY: a live session, which is only read.
        unsafe { (self.symbols().chrony_needs_response)(self.session()) }
    }

    /// The number of records, as libchrony has it: negative when chronyd's number does not fit.
    pub(crate) fn number_records(&self) -> c::Int {
        // SAFETY: a live session, which is only read.
        unsafe { (self.symbols().chrony_get_report_number_records)(self.session()) }
    }

    /// Whether the field at `index` exists and has this name.
    pub(crate) fn field_is(&self, index: c::Int, name: &CStr) -> bool {
        // SAFETY: a live session; any index is allowed, and one without a field gives null.
        let found = unsafe { (self.symbols().chrony_get_field_name)(self.session(), index) };
        // SAFETY: not null, so a string literal of the library, which is loaded as long as the session.
        !found.is_null() && unsafe { CStr::from_ptr(found) } == name
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

    /// The string of a field, copied while the lock is held, since any other session overwrites it.
    pub(crate) fn field_string(&self, index: c::Int) -> Option<String> {
        let _lock = string_lock();
        // SAFETY: a live session; any index is allowed, and one without a string gives null.
        let string = unsafe { (self.symbols().chrony_get_field_string)(self.session(), index) };
        // SAFETY: not null, so NUL-terminated, and nobody writes the buffer while the lock is held.
        (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned())
    }

    /// libchrony's name of a constant of a field.
    #[cfg(test)]
    pub(crate) fn constant_name(&self, index: c::Int, value: u64) -> Option<&str> {
        // SAFETY: a live session; any index and value are allowed, and one without a name gives null.
        let name = unsafe { (self.symbols().chrony_get_field_constant_name)(self.session(), index, value) };
        // SAFETY: not null, so a string literal of the library, which is loaded as long as the session.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_str().ok())?
    }
}

/// The number that the next descriptor gets. The numbers of standard streams that are closed are taken by copies of
/// the socket until these are dropped.
fn lowest_free(socket: &Socket) -> (Option<RawFd>, Vec<OwnedFd>) {
    let mut streams = Vec::new();
    while let Ok(copy) = fcntl_dupfd_cloexec(socket, 0) {
        let number = copy.as_raw_fd();
        if number > libc::STDERR_FILENO {
            return (Some(number), streams);
        }
        streams.push(copy);
    }
    (None, streams)
}

/// Whether the descriptor is of what libchrony opens for a session: /dev/urandom.
fn is_urandom(fd: RawFd) -> bool {
    // SAFETY: the number is used for this call only, which does no harm to whatever it is of.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) });
    stat.is_ok_and(|stat| stat.st_rdev == rustix::fs::makedev(1, 9))
}

#[cfg(test)]
pub(crate) mod tests;
