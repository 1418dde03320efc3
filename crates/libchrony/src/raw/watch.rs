//! A socket in tokio's event queue. When it is put there, and what is done when it is ready, is decided elsewhere.

use super::socket::Socket;
use std::io;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime of the calling task watch a socket until the result is dropped: for datagrams, or for room to write.
pub(crate) fn watch(socket: &Arc<Socket>, to_write: bool) -> io::Result<AsyncFd<Arc<Socket>>> {
    let interest = if to_write { Interest::WRITABLE } else { Interest::READABLE };
    // SAFETY: the guard keeps its descriptor from its opening until it is dropped itself, which is after the result.
    Ok(unsafe { AsyncFd::register_with_interest(Arc::clone(socket), interest) }?)
}
