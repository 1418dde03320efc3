//! One call of a report, which never waits: it says what it waits for, and a driver waits.
//!
//! All decisions about addresses, retries, deadlines and lanes are here, so that all drivers share them. Nothing here
//! polls, sleeps, or knows an event loop.

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
