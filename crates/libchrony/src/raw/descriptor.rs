//! What is at the number of a descriptor. Others may close a descriptor of ours and be given its number.
//!
//! A socket has an inode that no other has. All event queues share one, and so do all descriptors of /dev/urandom: they
//! are known by marks.

use libchrony_sys::types as c;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::io;

/// The device and the inode of what is at a descriptor's number.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(fd: RawFd) -> Option<Identity> {
    // SAFETY: the number is used for this call only, which does no harm to whatever it is of.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// Whether the descriptor is of what libchrony opens for a session: /dev/urandom.
pub(super) fn is_urandom(fd: RawFd) -> bool {
    // SAFETY: the number is used for this call only, which does no harm to whatever it is of.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) });
    stat.is_ok_and(|stat| stat.st_rdev == rustix::fs::makedev(1, 9))
}

/// The signal that would announce input on a descriptor. Nobody asks /dev/urandom for that, so the number has no effect.
/// It belongs to what was opened, not to the file, and a forked child inherits it.
const MARK: c::Int = libc::SIGURG;
// Not in the crate `libc`; the numbers are those of all architectures but PA-RISC.
const F_SETSIG: c::Int = 10;
const F_GETSIG: c::Int = 11;

/// Marks what is at a number as opened for a session. False if the kernel does not have the mark.
pub(super) fn mark(fd: RawFd) -> bool {
    // SAFETY: sets a number that has no effect on the descriptor.
    unsafe { libc::fcntl(fd, F_SETSIG, MARK) == 0 && is_marked(fd) }
}

/// Whether what is at a number has the mark.
pub(super) fn is_marked(fd: RawFd) -> bool {
    // SAFETY: only reads a number.
    unsafe { libc::fcntl(fd, F_GETSIG) == MARK }
}

/// Has the descriptor closed in child programs.
pub(super) fn close_on_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: the number is used for this call only, which sets a flag that does no harm to whatever it is of.
    Ok(fcntl_setfd(unsafe { BorrowedFd::borrow_raw(fd) }, FdFlags::CLOEXEC)?)
}

/// A copy of what is at a number, if that is what it should be.
pub(super) fn copy_of(fd: RawFd, expected: Option<Identity>) -> Option<RawFd> {
    // SAFETY: the number is used for this call only, and what is at it stays open.
    let copy = fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(fd) }, 0).ok()?;
    (identity(copy.as_raw_fd()) == expected).then(|| copy.into_raw_fd())
}

/// A copy at a number beyond those of the standard streams, if the descriptor has one of these. libchrony is given the
/// number of a standard stream that was closed, and what the program prints there would be sent to chronyd.
pub(super) fn beyond_standard_streams(fd: RawFd) -> io::Result<Option<RawFd>> {
    if fd > libc::STDERR_FILENO {
        return Ok(None);
    }
    // SAFETY: the number is used for this call only, and what is at it stays open.
    let copy = fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(fd) }, libc::STDERR_FILENO + 1)?;
    Ok(Some(copy.into_raw_fd()))
}

/// The number that the next descriptor gets. The numbers of standard streams that are closed are taken by copies of
/// `any` until these are dropped.
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
