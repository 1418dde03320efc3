//! The crate as its users see it, against real chronyds, the scripted chronyd and the stub library.
//!
//! One program, so that it is linked once and the tests that wait do so side by side. A module for each subject;
//! `docs/libchrony.md` says which test keeps which rule of libchrony's.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;

mod away;
mod candidates;
mod connection;
mod drivers;
mod errors;
mod fleet;
mod fork;
mod library;
mod lists;
mod markers;
mod real;
mod records;
mod replies;
mod search;
mod signals;
mod silence;
mod sockets;
mod values;
