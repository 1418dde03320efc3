//! The engine: the calls that read reports, as state machines.
//!
//! All decisions about addresses, retries, deadlines and lanes are made here, so that all drivers share them. A call
//! says which sockets it waits for, and until when. The waiting is left to a driver. Nothing here polls, sleeps, or
//! knows an event loop. Only a send or a receive on a blocking socket waits, for a short time.

pub(crate) mod candidates;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod explain;
pub(crate) mod lane;
pub(crate) mod list;
pub(crate) mod machine;
pub(crate) mod policy;
pub(crate) mod quota;
pub(crate) mod ready;
pub(crate) mod round_trip;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod turns;

#[cfg(test)]
mod tests;
