//! What is at the number of a descriptor. Others may close a descriptor of ours and be given its number.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};

/// The device and the inode of what is at a descriptor's number.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(fd: RawFd) -> Option<Identity> {
    // SAFETY: the number is used for this call only, which does no harm to whatever it is of.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// A descriptor that is left alone at its end if others have closed it: its number may be that of another file by then.
/// An event queue has no inode of its own, so it is told from files and sockets, and not from another event queue.
#[derive(Debug)]
pub(crate) struct Guarded {
    fd: RawFd,
    identity: Option<Identity>,
}

impl Guarded {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        let fd = fd.into_raw_fd();
        Self { fd, identity: identity(fd) }
    }

    /// Whether it is there as far as can be told.
    pub(crate) fn is_there(&self) -> bool {
        identity(self.fd) == self.identity
    }
}

impl AsFd for Guarded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is open as long as `self` is there, unless others have closed it. Then a system call fails, or is
        // about what they have opened, which it does no harm to.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.is_there() {
            // SAFETY: it is ours, and nothing else closes it.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}

/// Whether the descriptor is of what libchrony opens for a session: /dev/urandom.
pub(super) fn is_urandom(fd: RawFd) -> bool {
    // SAFETY: the number is used for this call only, which does no harm to whatever it is of.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) });
    stat.is_ok_and(|stat| stat.st_rdev == rustix::fs::makedev(1, 9))
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
