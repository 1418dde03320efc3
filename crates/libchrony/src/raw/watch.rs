//! Sockets and queues in tokio's event queue. Other modules decide when to register them, and what to do when they are
//! ready.

use super::socket::Socket;
use rustix::fd::OwnedFd;
use std::io;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a socket with the runtime of the calling task until the result is dropped, for datagrams or for room to
/// write.
pub(crate) fn watch(socket: &Arc<Socket>, to_write: bool) -> io::Result<AsyncFd<Arc<Socket>>> {
    let interest = if to_write { Interest::WRITABLE } else { Interest::READABLE };
    // SAFETY: the guard keeps its descriptor open until it is dropped, and the result holds the guard.
    Ok(unsafe { AsyncFd::register_with_interest(Arc::clone(socket), interest) }?)
}

/// Registers a queue with the runtime of the calling task until the result is dropped.
pub(crate) fn watch_queue(queue: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the result holds the descriptor, which is open until it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(queue, Interest::READABLE) }?)
}
