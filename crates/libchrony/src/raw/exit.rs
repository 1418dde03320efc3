//! Unix sockets at the exit of this process. The exit removes the paths of those that are still open, in a static or in
//! a thread that is not waited for. It waits for those that threads are opening or closing. Other sockets have no path.

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
    /// Each socket: its descriptor, what that is of, and the library that opened it.
    list: Vec<(RawFd, Option<Identity>, Arc<Symbols>)>,
    /// How many threads are opening or closing one.
    busy: usize,
    /// Whether the process exits. From then on no socket is opened.
    is_exiting: bool,
}

/// The sockets of this process. The lock is held for no system call, except when the process exits.
fn open_sockets() -> MutexGuard<'static, OpenSockets> {
    static OPEN: PerProcess<Mutex<OpenSockets>> = PerProcess::new();
    OPEN.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the paths of all sockets. Their descriptors stay open: threads may be using them.
extern "C" fn remove_paths() {
    open_sockets().is_exiting = true;
    // The wait is a second at most, since a file system may hang.
    let end = Instant::now() + Duration::from_secs(1);
    while open_sockets().busy > 0 && Instant::now() < end {
        thread::sleep(Duration::from_micros(50));
    }
    for (fd, own, symbols) in &open_sockets().list {
        if let Some(copy) = copy_of(*fd, *own) {
            // SAFETY: a copy of a descriptor from chrony_open_socket, which is given away here.
            unsafe { (symbols.chrony_close_socket)(copy) };
        }
    }
}

/// A socket that this thread is opening or closing.
#[derive(Debug)]
pub(super) struct Busy(());

impl Busy {
    /// Begins to open one. An error once the process exits.
    pub(super) fn opening() -> io::Result<Self> {
        // No `Once`: a child that is forked while another thread is in it would wait for that thread for ever.
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

    /// Has the path of a socket that was opened removed at the exit of this process.
    pub(super) fn opened(self, fd: RawFd, own: Option<Identity>, symbols: &Arc<Symbols>) {
        open_sockets().list.push((fd, own, Arc::clone(symbols)));
        drop(self);
    }

    /// Begins to close one.
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
        // A child that was forked meanwhile has a count of its own.
        sockets.busy = sockets.busy.saturating_sub(1);
    }
}
