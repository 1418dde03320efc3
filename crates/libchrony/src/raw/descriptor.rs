//! The identification of file descriptors. Other code may close a descriptor of ours and reuse its number.
//!
//! A socket has a unique inode. All event queues share one inode, and so do all descriptors of /dev/urandom, so these
//! are identified by markers.

use libchrony_sys::types as c;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::io;

/// The device and inode behind a descriptor.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(fd: RawFd) -> Option<Identity> {
    // SAFETY: the number is only used for this call, which is harmless for any open file.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// Returns true for a descriptor of /dev/urandom, which libchrony opens for a session.
pub(super) fn is_urandom(fd: RawFd) -> bool {
    // SAFETY: the number is only used for this call, which is harmless for any open file.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) });
    stat.is_ok_and(|stat| stat.st_rdev == rustix::fs::makedev(1, 9))
}

/// The marker: the number of the signal that would announce input. Nothing requests such signals for /dev/urandom, so
/// the number has no effect. The marker belongs to the open file description, not to the file, and a forked child
/// inherits it.
const MARK: c::Int = libc::SIGURG;
// The crate `libc` lacks these. The numbers are valid on all architectures except PA-RISC.
const F_SETSIG: c::Int = 10;
const F_GETSIG: c::Int = 11;

/// Marks a descriptor as opened for a session. Returns false if the kernel does not store the marker.
pub(super) fn mark(fd: RawFd) -> bool {
    // SAFETY: sets a signal number that has no effect on the descriptor.
    unsafe { libc::fcntl(fd, F_SETSIG, MARK) == 0 && is_marked(fd) }
}

/// Returns true if the descriptor has the marker.
pub(super) fn is_marked(fd: RawFd) -> bool {
    // SAFETY: only reads a signal number.
    unsafe { libc::fcntl(fd, F_GETSIG) == MARK }
}

/// Sets close-on-exec, so that child programs do not inherit the descriptor.
pub(super) fn close_on_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: the number is only used for this call, which sets a flag that is harmless for any open file.
    Ok(fcntl_setfd(unsafe { BorrowedFd::borrow_raw(fd) }, FdFlags::CLOEXEC)?)
}

/// Duplicates a descriptor if it has the expected identity.
pub(super) fn copy_of(fd: RawFd, expected: Option<Identity>) -> Option<RawFd> {
    // SAFETY: the number is only used for this call, which leaves the original open.
    let copy = fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(fd) }, 0).ok()?;
    (identity(copy.as_raw_fd()) == expected).then(|| copy.into_raw_fd())
}

/// Duplicates a descriptor that has the number of a standard stream to a higher number. libchrony gets such a number if
/// the stream is closed. Then whatever the program prints there would be sent to chronyd.
pub(super) fn beyond_standard_streams(fd: RawFd) -> io::Result<Option<RawFd>> {
    if fd > libc::STDERR_FILENO {
        return Ok(None);
    }
    // SAFETY: the number is only used for this call, which leaves the original open.
    let copy = fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(fd) }, libc::STDERR_FILENO + 1)?;
    Ok(Some(copy.into_raw_fd()))
}

/// Returns the number that the next descriptor gets. Copies of `any` occupy the numbers of closed standard streams,
/// until the returned copies are dropped.
pub(super) fn next_number(any: impl AsFd) -> (Option<RawFd>, Vec<OwnedFd>) {
    let mut streams = Vec::new();
    while let Ok(copy) = fcntl_dupfd_cloexec(&any, 0) {
        let number = copy.as_raw_fd();
        if number > libc::STDERR_FILENO {
            return (Some(number), streams);
        }
        streams.push(copy);
    }
    (None, streams)
}
