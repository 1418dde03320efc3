//! The program as a process, on real chronyds and on scripted ones.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod reports;
mod support;
