//! System calls of the tests that std does not have.
#![expect(unsafe_code, reason = "forks, signals and other people's descriptors")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::ms;

/// Forks. The child runs `body` and exits without any clean-up. Returns true if `body` returned true.
pub(crate) fn in_fork(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child calls the crate under test, whose promise is that this works, and ends with _exit. glibc
    // makes its allocator usable in the child of a program with several threads.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "{}", io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: makes the kernel end a child that hangs.
        unsafe { libc::alarm(20) };
        let done = catch_unwind(AssertUnwindSafe(body)).unwrap_or(false);
        // SAFETY: ends the child without running what belongs to its parent.
        unsafe { libc::_exit(i32::from(!done)) };
    }
    let mut status = 0;
    loop {
        // SAFETY: waits for a child of ours, and `status` is writable.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if waited == pid {
            return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
        }
        assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted);
    }
}

/// Replaces a descriptor of others with a file, like a program that closes all descriptors and opens its own.
pub(crate) fn put(file: &impl AsRawFd, number: RawFd) {
    // SAFETY: the owner of the number must tolerate this, which is what the test checks.
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), number) }, number);
}

/// Closes all descriptors but the standard streams, as daemons do.
pub(crate) fn close_all() {
    // SAFETY: the owners of the numbers must tolerate this, which is what the test checks.
    assert_eq!(unsafe { libc::close_range(3, libc::c_uint::MAX, 0) }, 0);
}

/// The number of signals that this process has handled.
pub(crate) static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn count_signal(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Runs `body` while this thread gets a signal every millisecond, handled without SA_RESTART. There is one storm at a
/// time, so that a body can count its signals.
pub(crate) fn under_signals<T>(body: impl FnOnce() -> T) -> T {
    static STORM: Mutex<()> = Mutex::new(());
    let _only = STORM.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: zeroed is a valid sigaction, and the handler only touches an atomic.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count_signal as *const () as libc::sighandler_t;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
    // SAFETY: always succeeds.
    let this_thread = unsafe { libc::pthread_self() };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // SAFETY: the thread lives: it waits for this one at the end of the scope.
                unsafe { libc::pthread_kill(this_thread, libc::SIGUSR1) };
                thread::sleep(ms(1));
            }
        });
        let result = catch_unwind(AssertUnwindSafe(body));
        done.store(true, Ordering::Relaxed);
        result
    })
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Sends a datagram on a descriptor that the crate under test has open.
pub(crate) fn send_on(fd: RawFd, datagram: &[u8]) -> io::Result<usize> {
    // SAFETY: the connection that owns the descriptor is kept by the caller and idle.
    let socket = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(rustix::net::send(socket, datagram, rustix::net::SendFlags::empty())?)
}

/// Returns true if a socket has a pending error, without reading the error.
pub(crate) fn has_pending_error(fd: RawFd) -> bool {
    let mut poll = libc::pollfd { fd, events: 0, revents: 0 };
    // SAFETY: one writable entry, and no waiting.
    assert!(unsafe { libc::poll(&raw mut poll, 1, 0) } >= 0);
    poll.revents & libc::POLLERR != 0
}

/// Becomes a user without rights, if this is root.
pub(crate) fn drop_rights() {
    const NOBODY: u32 = 65534;
    if rustix::process::geteuid().is_root() {
        // SAFETY: three system calls on numbers; glibc applies them to all threads.
        let failed = unsafe { libc::setgroups(0, std::ptr::null()) | libc::setgid(NOBODY) | libc::setuid(NOBODY) };
        assert_eq!(failed, 0, "{}", io::Error::last_os_error());
    }
}

/// Gives the process file systems of its own with an empty /run. For use between fork and exec.
pub(crate) fn own_empty_run() -> io::Result<()> {
    let check = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    // SAFETY: system calls on numbers and literals, which are safe between fork and exec.
    unsafe {
        let user = if libc::geteuid() == 0 { 0 } else { libc::CLONE_NEWUSER };
        check(libc::unshare(libc::CLONE_NEWNS | user))?;
        let none = std::ptr::null();
        check(libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()))?;
        check(libc::mount(c"none".as_ptr(), c"/run".as_ptr(), c"tmpfs".as_ptr(), 0, none.cast()))
    }
}

/// Gives the process a network of its own, with nothing but a loopback interface that is down. For use between fork and
/// exec.
pub(crate) fn own_network() -> io::Result<()> {
    // SAFETY: system calls on numbers, which are safe between fork and exec.
    let result = unsafe {
        let user = if libc::geteuid() == 0 { 0 } else { libc::CLONE_NEWUSER };
        libc::unshare(libc::CLONE_NEWNET | user)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Replaces the host names of this process, which has file systems of its own, until the result is dropped.
pub(crate) fn own_hosts(names: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, names.as_bytes()).unwrap();
    let path = std::ffi::CString::new(file.path().to_str().unwrap()).unwrap();
    let none = std::ptr::null();
    // SAFETY: a system call on strings that outlive it.
    let result = unsafe { libc::mount(path.as_ptr(), c"/etc/hosts".as_ptr(), none, libc::MS_BIND, none.cast()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    file
}

/// Covers a folder with an empty one, in this process, which has file systems of its own.
pub(crate) fn own_folder(path: &CStr) {
    let none = std::ptr::null();
    // SAFETY: a system call on strings that outlive it.
    let result = unsafe { libc::mount(c"none".as_ptr(), path.as_ptr(), c"tmpfs".as_ptr(), 0, none) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// A standard stream of this process that is closed as long as this exists.
pub(crate) struct StreamClosed {
    stream: RawFd,
    copy: OwnedFd,
}

impl StreamClosed {
    pub(crate) fn new(stream: RawFd) -> Self {
        // SAFETY: a test in a process of its own uses its standard streams only here until it is done.
        let copy = unsafe { BorrowedFd::borrow_raw(stream) }.try_clone_to_owned().unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { libc::close(stream) }, 0);
        Self { stream, copy }
    }
}

impl Drop for StreamClosed {
    fn drop(&mut self) {
        // SAFETY: puts the stream back where it was.
        assert_eq!(unsafe { libc::dup2(self.copy.as_raw_fd(), self.stream) }, self.stream);
    }
}
