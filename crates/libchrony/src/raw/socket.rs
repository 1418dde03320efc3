//! The guard around libchrony's client socket: the only owner of its descriptor and of the path it is bound to.

use super::descriptor::{Identity, beyond_standard_streams, close_on_exec, identity};
use super::exit::Busy;
use crate::raw::open_lock::Opening;
use crate::raw::per_process::Process;
use crate::raw::urandom;
use libchrony_sys::Symbols;
use libchrony_sys::types as c;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::ioctl_fionbio;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::ffi::CStr;
use std::os::fd::FromRawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use std::{io, mem};

/// The blocking mode of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Sends and receives do not block.
    Never,
    /// Sends and receives block for at most this time, which is not zero.
    UpTo(Duration),
}

/// A client socket that `chrony_open_socket` returned.
#[derive(Debug)]
pub(crate) struct Socket {
    symbols: Arc<Symbols>,
    fd: RawFd,
    owner: Process,
    /// The identity of the descriptor. Other code may close it and reuse its number: daemons close all descriptors that
    /// they inherit.
    identity: Option<Identity>,
    /// The event queue that watches it, and the events that this queue watches it for.
    pub(crate) watched: AtomicU64,
}

impl Socket {
    /// Sets whether sends and receives block. Only for sockets that were opened with [`Waits::UpTo`].
    pub(crate) fn wait(&self, waits: bool) {
        // This does not fail on an open socket.
        let _ = ioctl_fionbio(self, !waits);
    }

    /// Opens a socket to a canonical address, with close-on-exec. If libchrony fails, the error is `errno` as it left
    /// it, which is a hint at best.
    pub(crate) fn open(symbols: &Arc<Symbols>, address: &CStr, waits: Waits, opening: &Opening) -> io::Result<Self> {
        let is_unix = address.to_bytes().starts_with(b"/");
        if is_unix {
            urandom::check(opening)?;
        }
        let busy = if is_unix { Some(Busy::opening()?) } else { None };
        // SAFETY: a NUL-terminated string that outlives the call.
        let fd = unsafe { (symbols.chrony_open_socket)(address.as_ptr()) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let (owner, identity) = (Process::this(), identity(fd));
        let mut socket = Self { symbols: Arc::clone(symbols), fd, owner, identity, watched: AtomicU64::new(0) };
        if let Some(copy) = beyond_standard_streams(fd)? {
            // SAFETY: the old number has no other owner, and the guard now owns the new one.
            drop(unsafe { OwnedFd::from_raw_fd(mem::replace(&mut socket.fd, copy)) });
        }
        if let Some(busy) = busy {
            busy.opened(socket.fd, socket.identity, symbols);
        }
        close_on_exec(socket.fd)?;
        match waits {
            Waits::Never => ioctl_fionbio(&socket, true)?,
            Waits::UpTo(slice) => {
                set_socket_timeout(&socket, Timeout::Recv, Some(slice))?;
                set_socket_timeout(&socket, Timeout::Send, Some(slice))?;
            }
        }
        if is_unix {
            socket.refuse_descriptors();
        }
        Ok(socket)
    }

    /// Makes the kernel refuse descriptors that the other side sends. Otherwise it would close them, which can take as
    /// long as the sender likes. Linux before 6.16 does not know the option.
    fn refuse_descriptors(&self) {
        // The crate `libc` lacks this. The number is valid on all architectures except PA-RISC and SPARC.
        const SO_PASSRIGHTS: c::Int = 83;
        let (off, length): (c::Int, libc::socklen_t) = (0, c::Int::BITS / 8);
        // SAFETY: the option's value is read from a live integer of this length.
        unsafe { libc::setsockopt(self.fd, libc::SOL_SOCKET, SO_PASSRIGHTS, (&raw const off).cast(), length) };
    }

    /// Returns true if the descriptor is still this socket's.
    pub(crate) fn is_still_ours(&self) -> bool {
        identity(self.fd) == self.identity
    }

    pub(super) fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: this guard owns the descriptor, which stays open as long as the guard.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_still_ours = self.is_still_ours();
        if !self.owner.is_forked() {
            let _busy = Busy::closing(self.fd, self.identity);
            if is_still_ours {
                // SAFETY: the descriptor came from chrony_open_socket, or is a copy of one, and is closed here for the
                // only time.
                unsafe { (self.symbols.chrony_close_socket)(self.fd) };
            }
        } else if is_still_ours {
            // In a forked child, chrony_close_socket would remove the parent's path, so only the descriptor is closed.
            // SAFETY: the child's copy of the descriptor has no other owner.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}
