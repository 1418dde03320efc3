//! The boundary to C: guards around libchrony's socket and session, the lock around its static string buffer, and
//! memory that a fork clears.
//!
//! This is the only folder of the crate with `unsafe` code. It calls C and returns owned Rust values. It does not
//! decide about addresses, deadlines, retries or fields.
#![expect(unsafe_code, reason = "the only folder that calls C")]

pub(crate) mod descriptor;
pub(crate) mod event_queue;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod load;
pub(crate) mod open_lock;
pub(crate) mod per_process;
pub(crate) mod session;
pub(crate) mod socket;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod urandom;
#[cfg(feature = "tokio")]
pub(crate) mod watch;
pub(crate) mod wiped;
