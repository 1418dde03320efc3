//! The sockets that this process has open, so that their paths are removed when it exits: those in a static, or in a
//! thread that is not waited for.

use super::descriptor::{Identity, copy_of};
use crate::per_process::PerProcess;
use libchrony_sys::Symbols;
use rustix::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A descriptor, what it is of, and the library that opened it.
type OpenSocket = (RawFd, Option<Identity>, Arc<Symbols>);

fn open_sockets() -> MutexGuard<'static, Vec<OpenSocket>> {
    static OPEN: PerProcess<Mutex<Vec<OpenSocket>>> = PerProcess::new();
    OPEN.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the paths of all sockets. Their descriptors stay open: threads may be using them.
extern "C" fn remove_paths() {
    EXITING.store(true, Ordering::SeqCst);
    for (fd, own, symbols) in &*open_sockets() {
        if let Some(copy) = copy_of(*fd, *own) {
            // SAFETY: a copy of a descriptor from chrony_open_socket, which is given away here.
            unsafe { (symbols.chrony_close_socket)(copy) };
        }
    }
}

static EXITING: AtomicBool = AtomicBool::new(false);

/// Has the path of a socket removed at the exit of this process.
pub(super) fn register(fd: RawFd, own: Option<Identity>, symbols: &Arc<Symbols>) {
    // No `Once`: a child that is forked while another thread is in it would wait for that thread for ever.
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    open_sockets().push((fd, own, Arc::clone(symbols)));
    if !REGISTERED.load(Ordering::SeqCst) {
        // SAFETY: the function may be called at any time, and does not panic.
        unsafe { libc::atexit(remove_paths) };
        REGISTERED.store(true, Ordering::SeqCst);
    }
    if EXITING.load(Ordering::SeqCst) {
        remove_paths();
    }
}

/// Forgets a socket that is about to be closed.
pub(super) fn forget(fd: RawFd, own: Option<Identity>) {
    open_sockets().retain(|(other, identity, _)| (*other, *identity) != (fd, own));
}
