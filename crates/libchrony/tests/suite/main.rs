//! The crate as its users see it, against real chronyds, the scripted chronyd and the stub library.
//!
//! One program, so that it is linked once and the tests that wait do so side by side. A module for each promise, by the
//! names of the folders of the Python tests. `docs/libchrony.md` says which test keeps which rule of libchrony's.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;

mod api;
mod deadlines;
mod drivers;
mod fleet;
mod process;
mod security;
mod values;
