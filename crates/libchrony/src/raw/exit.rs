//! The clean-up of Unix sockets when this process exits. Sockets may still be open then, in a static or in a thread
//! that was not joined. An exit handler removes their paths. It waits for sockets that threads are opening or closing.
//! UDP sockets do not have paths.

use super::descriptor::{Identity, copy_of};
use crate::raw::per_process::PerProcess;
use libchrony_sys::Symbols;
use rustix::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

#[derive(Debug, Default)]
struct OpenSockets {
    /// Each socket: its descriptor, the descriptor's identity, and the library that opened it.
    list: Vec<(RawFd, Option<Identity>, Arc<Symbols>)>,
    /// The number of threads that are opening or closing a socket.
    busy: usize,
    /// True once the process is exiting. No socket is opened after that.
    is_exiting: bool,
}

/// Locks the sockets of this process. The lock is not held during system calls, except when the process exits.
fn open_sockets() -> MutexGuard<'static, OpenSockets> {
    static OPEN: PerProcess<Mutex<OpenSockets>> = PerProcess::new();
    OPEN.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the paths of all sockets. Their descriptors stay open, because threads may be using them.
extern "C" fn remove_paths() {
    open_sockets().is_exiting = true;
    // A file system may hang, so the wait ends after a second.
    let end = Instant::now() + Duration::from_secs(1);
    while open_sockets().busy > 0 && Instant::now() < end {
        thread::sleep(Duration::from_micros(50));
    }
    for (fd, own, symbols) in &open_sockets().list {
        if let Some(copy) = copy_of(*fd, *own) {
            // SAFETY: the descriptor is a copy of one from chrony_open_socket, and its ownership ends here.
            unsafe { (symbols.chrony_close_socket)(copy) };
        }
    }
}

/// A guard for the time in which this thread opens or closes a socket.
#[derive(Debug)]
pub(super) struct Busy(());

impl Busy {
    /// Begins to open a socket. Fails once the process is exiting.
    pub(super) fn opening() -> io::Result<Self> {
        // A `Once` would deadlock in a child that is forked while another thread is inside it.
        static REGISTERED: AtomicBool = AtomicBool::new(false);
        if !REGISTERED.load(Ordering::SeqCst) {
            // SAFETY: the function may be called at any time, and does not panic.
            unsafe { libc::atexit(remove_paths) };
            REGISTERED.store(true, Ordering::SeqCst);
        }
        let mut sockets = open_sockets();
        if sockets.is_exiting {
            return Err(io::Error::other("the process is exiting"));
        }
        sockets.busy += 1;
        Ok(Self(()))
    }

    /// Registers an opened socket, so that the exit of this process removes its path.
    pub(super) fn opened(self, fd: RawFd, own: Option<Identity>, symbols: &Arc<Symbols>) {
        open_sockets().list.push((fd, own, Arc::clone(symbols)));
        drop(self);
    }

    /// Begins to close a socket.
    pub(super) fn closing(fd: RawFd, own: Option<Identity>) -> Self {
        let mut sockets = open_sockets();
        sockets.list.retain(|(other, identity, _)| (*other, *identity) != (fd, own));
        sockets.busy += 1;
        Self(())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut sockets = open_sockets();
        // A child that was forked since then has its own count.
        sockets.busy = sockets.busy.saturating_sub(1);
    }
}
