//! The drivers of calls. Each advances calls of `engine` and does the waiting: one blocks the thread, the others are
//! for event loops. The decisions about a call are left to `engine`.

pub(crate) mod blocking;
pub(crate) mod call;
pub mod nonblocking;
pub(crate) mod resolve;
#[cfg(feature = "tokio")]
pub(crate) mod tokio;
pub(crate) mod watch;
