//! The drivers: each runs the machine of `engine` and does its waiting, one by blocking the thread, others for event
//! loops. They decide nothing about a call.

pub(crate) mod blocking;
pub(crate) mod call;
pub mod nonblocking;
pub(crate) mod resolve;
#[cfg(feature = "tokio")]
pub(crate) mod tokio;
pub(crate) mod watch;
