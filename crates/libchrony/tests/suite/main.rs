//! Tests of the public API, with real chronyds, the scripted chronyd and the stub library.
//!
//! All tests are in one program, so that it is linked once, and tests that wait run in parallel. Each module holds the
//! tests of one kind of promise, like the folders of the Python tests. `docs/libchrony.md` names the tests for each
//! rule of libchrony.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail their test")]

mod common;

mod api;
mod deadlines;
mod drivers;
mod fleet;
mod process;
mod security;
mod values;
